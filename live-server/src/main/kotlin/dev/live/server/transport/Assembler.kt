package dev.live.server.transport

import java.io.ByteArrayOutputStream

/** Puts a client's fragments together, within the limit on a message. Only accessed by whoever reads the frames. */
internal class Assembler(private val maxMessageSize: Int) {
    private var fragments: ByteArrayOutputStream? = null
    private var count = 0
    private var isText = false

    /** Whether a message has begun and not ended. */
    val isInside: Boolean get() = fragments != null

    /**
     * [length] of the data frame that comes next, if there is room for it.
     *
     * @throws SocketViolation if the message is too large with it
     */
    fun checked(length: Long): Int {
        if (length > maxMessageSize - (fragments?.size() ?: 0)) {
            throw SocketViolation(tooLarge = true, "a message must be at most $maxMessageSize bytes")
        }
        return length.toInt()
    }

    /**
     * Adds a data frame; the message if it is whole now. Of a message's frames the first one says whether it [isText].
     *
     * @throws SocketViolation if there are too many
     */
    fun add(payload: ByteArray, isLast: Boolean, isText: Boolean): Inbound.Data? {
        val before = fragments
        if (before == null) {
            if (isLast) return Inbound.Data(payload, isText)
            this.isText = isText
            count = 1
            fragments = ByteArrayOutputStream().apply { write(payload) }
            return null
        }
        before.write(payload)
        // without it, empty fragments without end would pass every other limit
        if (++count > MAX_FRAGMENTS) {
            throw SocketViolation(tooLarge = false, "a message must be at most $MAX_FRAGMENTS fragments")
        }
        if (!isLast) return null
        fragments = null
        return Inbound.Data(before.toByteArray(), this.isText)
    }

    private companion object {
        const val MAX_FRAGMENTS = 1_024
    }
}

/**
 * The code in the [payload] of a close frame, 1005 if there is none (RFC 6455, section 7.1.5).
 *
 * @throws SocketViolation if there is half a code
 */
internal fun closeCode(payload: ByteArray): Int {
    if (payload.isEmpty()) return NO_CODE
    if (payload.size == 1) throw SocketViolation(tooLarge = false, "a close frame carried half a code")
    return (payload[0].toInt() and 0xFF shl 8) or (payload[1].toInt() and 0xFF)
}

private const val NO_CODE = 1005
