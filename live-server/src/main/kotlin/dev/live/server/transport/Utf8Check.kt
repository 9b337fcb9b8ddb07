package dev.live.server.transport

/**
 * Validates UTF-8 (RFC 3629) incrementally, and detects the first invalid byte.
 *
 * A character may be split across calls of [accepts]. Not thread-safe.
 */
internal class Utf8Check {
    /** Number of bytes that are missing from the current character. */
    private var missing = 0

    /**
     * The valid range of the next byte. It is narrower after a first byte that would allow overlong forms, surrogates
     * or code points above U+10FFFF.
     */
    private var low = CONTINUATION_LOW
    private var high = CONTINUATION_HIGH

    /** Whether the input ends at a character boundary. */
    val isComplete: Boolean get() = missing == 0

    /** Validates [bytes] from index [from] until [to]; returns false at the first invalid byte. */
    fun accepts(bytes: ByteArray, from: Int, to: Int): Boolean {
        var i = from
        while (i < to) {
            if (missing == 0) {
                i = skipAscii(bytes, i, to)
                if (i == to) return true
                if (!begins(bytes[i++].toInt() and 0xFF)) return false
            } else {
                val byte = bytes[i++].toInt() and 0xFF
                if (byte < low || byte > high) return false
                low = CONTINUATION_LOW
                high = CONTINUATION_HIGH
                missing--
            }
        }
        return true
    }

    /** Starts a new text. */
    fun reset() {
        missing = 0
        low = CONTINUATION_LOW
        high = CONTINUATION_HIGH
    }

    private fun skipAscii(bytes: ByteArray, from: Int, to: Int): Int {
        var i = from
        while (i < to && bytes[i] >= 0) i++
        return i
    }

    /** Handles the first byte of a character that is not ASCII. */
    private fun begins(first: Int): Boolean {
        when (first) {
            in 0xC2..0xDF -> missing = 1
            in 0xE0..0xEF -> {
                missing = 2
                if (first == 0xE0) low = 0xA0 // below: overlong
                if (first == 0xED) high = 0x9F // above: surrogates
            }
            in 0xF0..0xF4 -> {
                missing = 3
                if (first == 0xF0) low = 0x90 // below: overlong
                if (first == 0xF4) high = 0x8F // above: no code point
            }
            else -> return false
        }
        return true
    }

    private companion object {
        const val CONTINUATION_LOW = 0x80
        const val CONTINUATION_HIGH = 0xBF
    }
}
