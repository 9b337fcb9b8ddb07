package dev.live.protocol

/**
 * Encodes messages like [codec], and includes [Message.trace]. For connections with trace support on both ends.
 *
 * Client and server negotiate it as a separate subprotocol: that of [codec] with the suffix `.trace`, such as
 * `live.v1.json.trace`. [codec] alone does not encode a trace and ignores it when decoding.
 *
 * @throws IllegalArgumentException if [codec] is not a [TraceableCodec]
 */
public class TracedCodec(codec: Codec) : Codec {
    private val codec =
        requireNotNull(codec as? TraceableCodec) {
            "TracedCodec needs a TraceableCodec, such as live's own codecs; '${codec.subprotocol}' is not one"
        }

    override val subprotocol: String get() = codec.subprotocol + SUFFIX
    override val isBinary: Boolean get() = codec.isBinary

    override fun encode(message: Message): ByteArray = codec.encode(message, message.trace)

    override fun decode(bytes: ByteArray, limits: DecodeLimits): Message =
        codec.decode(bytes, limits, isTraced = true)

    private companion object {
        const val SUFFIX = ".trace"
    }
}

/** A codec that can include a trace; see [TracedCodec]. */
public interface TraceableCodec : Codec {
    override fun encode(message: Message): ByteArray = encode(message, trace = "")

    override fun decode(bytes: ByteArray, limits: DecodeLimits): Message = decode(bytes, limits, isTraced = false)

    /** Encodes [message] with [trace] instead of [Message.trace]; without a trace if [trace] is empty. */
    public fun encode(message: Message, trace: String): ByteArray

    /** Decodes like the other [decode]. The message has a trace only if [isTraced] is true. */
    public fun decode(bytes: ByteArray, limits: DecodeLimits, isTraced: Boolean): Message
}
