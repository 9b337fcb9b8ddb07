package dev.live.benchmarks.load.generator

import dev.live.protocol.Body
import dev.live.protocol.CborCodec
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.MessagePackCodec

/**
 * live's own protocol. The payload is a JSON object or the content of a JSON string in JSON, and bytes in the binary
 * codecs.
 */
internal class LiveProtocol(private val codec: Codec, override val offersCompression: Boolean = false) : WireProtocol {
    override val subprotocol: String get() = codec.subprotocol

    override val isBinary: Boolean get() = codec.isBinary

    override fun subscribe(topic: String, ref: Int) = codec.encode(Message("subscribe", topic, ref.toString()))

    override fun publish(topic: String, payload: String) = codec.encode(Message("publish", topic, body = body(payload)))

    override fun echo(payload: String) = codec.encode(Message("echo", ref = "1", body = body(payload)))

    override fun request(payload: String) = codec.encode(Message("ask", ref = "1", body = body(payload)))

    override fun block(payload: String) = codec.encode(Message("block", ref = "1", body = body(payload)))

    override fun classify(bytes: ByteArray, from: Int, to: Int): FrameKind =
        when (codec.decode(bytes.copyOfRange(from, to)).type) {
            "ack" -> FrameKind.ACK
            else -> FrameKind.ERROR
        }

    private fun body(payload: String) =
        when {
            isBinary -> Body.bytes(payload.toByteArray())
            payload.startsWith('{') -> Body.json(payload)
            else -> Body.json("\"$payload\"")
        }

    companion object {
        fun named(codec: String, offersCompression: Boolean = false): LiveProtocol =
            LiveProtocol(
                when (codec) {
                    "cbor" -> CborCodec
                    "msgpack" -> MessagePackCodec
                    else -> JsonCodec
                },
                offersCompression,
            )
    }
}
