package dev.live.protocol

/**
 * Writes messages as [codec] does, and [Message.trace] with them: for connections whose two ends both want it.
 *
 * That is settled as the codec is, by a subprotocol of its own: that of [codec] and `.trace`, such as
 * `live.v1.json.trace`. [codec] alone does not write a trace, and drops one that it reads.
 *
 * @throws IllegalArgumentException if [codec] is no [TraceableCodec]
 */
public class TracedCodec(codec: Codec) : Codec {
    private val codec =
        requireNotNull(codec as? TraceableCodec) {
            "a trace travels with codecs that are a TraceableCodec, as live's own are; '${codec.subprotocol}' is none"
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

/** A codec that can write a trace, and does so if it is asked to; see [TracedCodec]. */
public interface TraceableCodec : Codec {
    override fun encode(message: Message): ByteArray = encode(message, trace = "")

    override fun decode(bytes: ByteArray, limits: DecodeLimits): Message = decode(bytes, limits, isTraced = false)

    /** The bytes of [message] with [trace] in place of its own; without one if [trace] is empty. */
    public fun encode(message: Message, trace: String): ByteArray

    /** As the other [decode]; the message has no trace unless [isTraced]. */
    public fun decode(bytes: ByteArray, limits: DecodeLimits, isTraced: Boolean): Message
}
