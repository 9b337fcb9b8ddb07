package dev.live.server.transport

/**
 * Checks that bytes are UTF-8 (RFC 3629) while they arrive, and finds the first byte that cannot be.
 *
 * A character may be split over several calls of [accepts]. Not thread-safe.
 */
internal class Utf8Check {
    /** Bytes of the character that has begun which are still to come. */
    private var missing = 0

    /** The range that the next of them must be in: narrower behind a first byte that allows overlong forms, halves of
     * surrogate pairs or code points above U+10FFFF. */
    private var low = CONTINUATION_LOW
    private var high = CONTINUATION_HIGH

    /** Whether no character has begun that is not complete. */
    val isComplete: Boolean get() = missing == 0

    /** Reads [bytes] from [from] until [to]; false at the first byte that is not UTF-8. */
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

    /** Forgets the last text. */
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

    /** Takes the first byte of a character that is not ASCII. */
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
