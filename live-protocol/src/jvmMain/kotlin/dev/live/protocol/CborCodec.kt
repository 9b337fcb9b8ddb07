package dev.live.protocol

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.Serializable
import kotlinx.serialization.SerializationException
import kotlinx.serialization.cbor.ByteString
import kotlinx.serialization.cbor.Cbor

/** Messages as CBOR (RFC 8949): one map with text keys, opaque payloads as byte strings, JSON payloads as text. */
@OptIn(ExperimentalSerializationApi::class)
public object CborCodec : TraceableCodec {
    override val subprotocol: String get() = "live.v1.cbor"
    override val isBinary: Boolean get() = true

    override fun encode(message: Message, trace: String): ByteArray {
        val body = message.body
        val envelope =
            CborEnvelope(
                message.type,
                message.topic,
                message.ref,
                (body as? Body.Bytes)?.shared(),
                (body as? Body.Json)?.text,
                message.offset,
                trace,
            )
        return cbor.encodeToByteArray(CborEnvelope.serializer(), envelope)
    }

    override fun decode(bytes: ByteArray, limits: DecodeLimits, isTraced: Boolean): Message {
        checkEnvelope(bytes, limits)
        val read =
            try {
                cbor.decodeFromByteArray(CborEnvelope.serializer(), bytes)
            } catch (_: SerializationException) {
                // its message may quote the payload
                throw MalformedMessageException("the message cannot be read")
            }
        return messageOf(
            read.type,
            read.topic,
            read.ref,
            read.body,
            read.data?.let {
                compactJson(it, limits)
            },
            read.offset,
            if (isTraced) read.trace else "",
        )
    }

    private fun checkEnvelope(bytes: ByteArray, limits: DecodeLimits) {
        val scanner = CborScanner(bytes, limits.maxDepth)
        scanner.fields { name ->
            when (name) {
                Field.TYPE, Field.TOPIC, Field.REF, Field.DATA, Field.TRACE -> scanner.skipText(name)
                Field.BODY -> scanner.skipBinary(name)
                Field.OFFSET -> scanner.skipOffset()
                else -> scanner.skip()
            }
        }
        scanner.end()
    }

    private val cbor =
        Cbor {
            ignoreUnknownKeys = true
            useDefiniteLengthEncoding = true
        }
}

/** The order of the fields is their order on the wire. */
@OptIn(ExperimentalSerializationApi::class)
@Serializable
private class CborEnvelope(
    val type: String? = null,
    val topic: String = "",
    val ref: String = "",
    @ByteString val body: ByteArray? = null,
    val data: String? = null,
    val offset: Long? = null,
    val trace: String = "",
)
