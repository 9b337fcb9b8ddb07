package dev.live.protocol

/**
 * How a [Message] is written as bytes. Thread-safe and without state.
 *
 * [decode] is total: whatever bytes come in, a message or a [MalformedMessageException] comes out, in time and
 * memory proportional to the bytes.
 */
public interface Codec {
    /** The WebSocket subprotocol that stands for this codec, such as `live.v1.json`. */
    public val subprotocol: String

    /** Whether a message travels in binary frames; false: in text frames. */
    public val isBinary: Boolean

    /** The bytes of [message]; the same message always gives the same bytes. */
    public fun encode(message: Message): ByteArray

    /**
     * The message in [bytes], all of them. [bytes] are not kept.
     *
     * @throws MalformedMessageException if they are not exactly one message within [limits]; its reason says what was wrong
     */
    public fun decode(bytes: ByteArray, limits: DecodeLimits = DecodeLimits.Default): Message
}

/**
 * What a decoder accepts.
 *
 * @property maxDepth how deep a JSON payload, or a field that is ignored, may nest arrays and objects; at least 1. Default 64
 * @throws IllegalArgumentException if [maxDepth] is not 1 to [MAX_DEPTH]
 */
public class DecodeLimits(public val maxDepth: Int = 64) {
    init {
        require(maxDepth in 1..MAX_DEPTH) { "maxDepth must be 1 to $MAX_DEPTH, was $maxDepth" }
    }

    public companion object {
        /** The largest [maxDepth] that can be asked for. */
        public const val MAX_DEPTH: Int = 512

        /** The limits of the protocol. */
        public val Default: DecodeLimits = DecodeLimits()
    }
}
