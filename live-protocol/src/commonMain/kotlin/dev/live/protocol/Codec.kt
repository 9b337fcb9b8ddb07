package dev.live.protocol

/**
 * Encodes a [Message] to bytes and back. Thread-safe and stateless.
 *
 * [decode] is total: for any input it returns a message or throws a [MalformedMessageException], in time and memory
 * proportional to the size of the input. `codecContract` in `live-test` has the tests that every implementation must
 * pass.
 */
public interface Codec {
    /** The WebSocket subprotocol that identifies this codec, such as `live.v1.json`. */
    public val subprotocol: String

    /** True if messages are sent in binary frames, false for text frames. */
    public val isBinary: Boolean

    /** Encodes [message]. Deterministic: equal messages have equal bytes. */
    public fun encode(message: Message): ByteArray

    /**
     * Decodes the one message in [bytes]. The codec does not keep a reference to [bytes].
     *
     * @throws MalformedMessageException if [bytes] are not exactly one message within [limits]; the reason describes
     *   the error
     */
    public fun decode(bytes: ByteArray, limits: DecodeLimits = DecodeLimits.Default): Message
}

/**
 * Limits of a decoder.
 *
 * @property maxDepth maximum nesting depth of a JSON payload or an ignored field, in arrays and objects; 1 to
 *   [MAX_DEPTH]. Default 64
 * @throws IllegalArgumentException if [maxDepth] is not 1 to [MAX_DEPTH]
 */
public class DecodeLimits(public val maxDepth: Int = 64) {
    init {
        require(maxDepth in 1..MAX_DEPTH) { "maxDepth must be 1 to $MAX_DEPTH, was $maxDepth" }
    }

    public companion object {
        /** Upper bound of [maxDepth]. */
        public const val MAX_DEPTH: Int = 512

        /** The default limits of the protocol. */
        public val Default: DecodeLimits = DecodeLimits()
    }
}
