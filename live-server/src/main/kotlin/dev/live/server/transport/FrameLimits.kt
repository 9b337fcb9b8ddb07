package dev.live.server.transport

/**
 * Limits of one inbound message.
 *
 * @property maxMessageSize bytes
 * @property fragments number of frames
 * @property allowsCompression whether the client has negotiated compression
 */
internal class FrameLimits(
    val maxMessageSize: Int,
    val fragments: Int = maxMessageSize,
    val allowsCompression: Boolean = false,
) {
    /**
     * Maximum bytes of a message that is still compressed. More than [maxMessageSize], because compression enlarges
     * random bytes: by up to an eighth with the weakest settings of zlib.
     */
    val maxCompressedSize: Int = (maxMessageSize + maxMessageSize / 8L + 64).coerceAtMost(MAX_ARRAY).toInt()

    /** The same limits for a client that has negotiated compression. */
    fun withCompression(): FrameLimits = FrameLimits(maxMessageSize, fragments, allowsCompression = true)

    private companion object {
        const val MAX_ARRAY = Int.MAX_VALUE - 8L
    }
}
