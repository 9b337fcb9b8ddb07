package dev.live.protocol

/**
 * Reads MessagePack in strict conformance to its specification.
 *
 * The field determines the expected type, not the encoding as `str` or `bin`: encoders older than `bin` write bytes as
 * `str`, and some encoders write all text as `bin`. Names and text may be `bin` with UTF-8, and `body` may be `str`.
 */
internal class MessagePackReader(bytes: ByteArray, maxDepth: Int, isLenient: Boolean = false) :
    BinaryReader(bytes, maxDepth, isLenient) {
    /** Number of remaining items, per open container of a skipped item. */
    private var remaining = LongArray(8)

    /** Number of remaining fields. */
    private var fields = 0L

    override fun begin() {
        val marker = marker()
        fields =
            when (marker) {
                in 0x80..0x8f -> marker and 0x0fL
                0xde -> unsigned(2)
                0xdf -> unsigned(4)
                else -> throw notAMap(marker)
            }
    }

    private fun notAMap(marker: Int) =
        when (marker) {
            in EXTENSIONS -> wrong("a message", "a map", marker, RECORDS)
            // a msgpackr record that refers to a definition in an earlier message
            in RECORD_IDS -> wrong("a message", "a map", marker, "with msgpackr, set useRecords: false")
            in ARRAYS, 0xdc, 0xdd -> wrong("a message", "a map", marker, "encode structs as maps")
            else -> wrong("a message", "a map", marker)
        }

    override fun hasNext(): Boolean = fields-- > 0

    override fun name(): String {
        val marker = marker()
        val length = stringLength(marker)
        if (length < 0) throw MalformedMessageException("field names must be MessagePack str, was ${kind(marker)}")
        return nameFrom(take(length))
    }

    override fun text(field: String): String? {
        val marker = marker()
        if (isAbsent(marker)) return null
        val length = stringLength(marker)
        if (length < 0) throw notText(field, marker)
        val start = take(length)
        return bytes.decodeUtf8(field, start, at)
    }

    private fun notText(field: String, marker: Int) =
        if (field == Field.DATA) {
            MalformedMessageException("$DATA_IS_TEXT, was ${kind(marker)}")
        } else {
            wrong(field, "text (MessagePack str)", marker)
        }

    override fun body(): ByteArray? {
        val marker = marker()
        if (isAbsent(marker)) return null
        val length = stringLength(marker)
        if (length < 0) {
            throw wrong(Field.BODY, "a byte string (MessagePack bin)", marker, "encode bytes as bin")
        }
        val start = take(length)
        return bytes.copyOfRange(start, at)
    }

    override fun offset(): Long? {
        val marker = marker()
        if (isAbsent(marker)) return null
        val value =
            when (marker) {
                in 0x00..0x7f -> marker.toLong()
                0xcc -> unsigned(1)
                0xcd -> unsigned(2)
                0xce -> unsigned(4)
                0xcf, 0xd3 -> unsigned(8)
                0xd0 -> unsigned(1).toByte().toLong()
                0xd1 -> unsigned(2).toShort().toLong()
                0xd2 -> unsigned(4).toInt().toLong()
                else -> throw MalformedMessageException("$OFFSET_RANGE, was ${kind(marker)}")
            }
        if (value >= 0) return value
        throw MalformedMessageException("$OFFSET_RANGE, was ${if (marker == 0xcf) TOO_LARGE else "a negative integer"}")
    }

    /** Whether the item is nil or `undefined`: JavaScript encoders write `undefined` as extension 0 with one byte 0. */
    private fun isAbsent(marker: Int): Boolean {
        if (marker == NIL) return true
        val isUndefined =
            marker == FIXEXT_1 && at + 2 <= bytes.size && bytes[at] == 0.toByte() && bytes[at + 1] == 0.toByte()
        if (isUndefined) at += 2
        return isUndefined
    }

    override fun skip() {
        var depth = 0
        remaining[0] = 1
        while (true) {
            while (remaining[depth] == 0L) if (depth-- == 0) return
            remaining[depth]--
            val items = skipHead()
            if (items < 0) continue
            if (depth == maxDepth && !isLenient) {
                throw MalformedMessageException("the message is nested deeper than $maxDepth")
            }
            if (++depth == remaining.size) remaining = remaining.copyOf(depth * 2)
            remaining[depth] = items
        }
    }

    /** Reads a scalar and returns -1, or reads the head of a container and returns its number of items. */
    private fun skipHead(): Long {
        val marker = marker()
        val textLength = textLength(marker)
        when {
            textLength >= 0 -> {
                val start = take(textLength)
                if (!isLenient) bytes.decodeUtf8("the text of an unknown field", start, at)
            }
            marker in 0x80..0x8f -> return (marker and 0x0f) * 2L
            marker in ARRAYS -> return marker and 0x0fL
            marker == 0xdc -> return unsigned(2)
            marker == 0xdd -> return unsigned(4)
            marker == 0xde -> return unsigned(2) * 2
            marker == 0xdf -> return unsigned(4) * 2
            marker == NEVER_USED -> fail("byte c1 is reserved")
            else -> take(scalarLength(marker))
        }
        return -1
    }

    /** Number of bytes after [marker] in an item that is neither text nor a container. */
    private fun scalarLength(marker: Int): Long =
        when (marker) {
            0xcc, 0xd0 -> 1
            0xcd, 0xd1 -> 2
            0xca, 0xce, 0xd2 -> 4
            0xcb, 0xcf, 0xd3 -> 8
            0xc4, 0xc5, 0xc6 -> binaryLength(marker)
            0xc7 -> unsigned(1) + 1 // an extension's type byte follows its length
            0xc8 -> unsigned(2) + 1
            0xc9 -> unsigned(4) + 1
            in 0xd4..0xd8 -> (1L shl (marker - 0xd4)) + 1
            else -> 0 // nil, booleans and the integers that fit into the marker
        }

    /** The length of a `str` or `bin`, or -1. */
    private fun stringLength(marker: Int): Long {
        val length = textLength(marker)
        return if (length < 0) binaryLength(marker) else length
    }

    private fun textLength(marker: Int): Long =
        when (marker) {
            in 0xa0..0xbf -> marker and 0x1fL
            0xd9 -> unsigned(1)
            0xda -> unsigned(2)
            0xdb -> unsigned(4)
            else -> -1
        }

    private fun binaryLength(marker: Int): Long =
        when (marker) {
            0xc4 -> unsigned(1)
            0xc5 -> unsigned(2)
            0xc6 -> unsigned(4)
            else -> -1
        }

    private fun marker(): Int = bytes[take(1)].toInt() and 0xff

    private infix fun Int.and(mask: Long): Long = toLong() and mask

    /** Describes the item of [marker], the last byte read, for error messages. */
    private fun kind(marker: Int): String =
        when (marker) {
            in 0x00..0x7f, in 0xcc..0xd3 -> "an integer"
            in 0xe0..0xff -> "a negative integer"
            in 0x80..0x8f, 0xde, 0xdf -> "a map"
            in ARRAYS -> "an array of ${marker and 0x0f}"
            0xdc -> "an array of ${unsigned(2)}"
            0xdd -> "an array of ${unsigned(4)}"
            in 0xa0..0xbf, in 0xd9..0xdb -> "text (str)"
            NIL -> "nil"
            NEVER_USED -> fail("byte c1 is reserved")
            0xc2, 0xc3 -> "a boolean"
            0xc4, 0xc5, 0xc6 -> "a byte string (bin)"
            0xca, 0xcb -> "a float"
            else -> "an extension of type ${extensionType(marker)}"
        }

    private fun extensionType(marker: Int): Int {
        if (marker in 0xc7..0xc9) unsigned(1 shl (marker - 0xc7))
        return unsigned(1).toByte().toInt()
    }

    private fun wrong(subject: String, expected: String, marker: Int, hint: String = "") =
        MalformedMessageException(
            "$subject must be $expected, was ${kind(marker)}" + if (hint.isEmpty()) "" else "; $hint",
        )

    override fun fail(problem: String): Nothing =
        throw MalformedMessageException("the message is not valid MessagePack at byte $at: $problem")

    private companion object {
        const val NIL = 0xc0
        const val NEVER_USED = 0xc1
        const val FIXEXT_1 = 0xd4

        val ARRAYS = 0x90..0x9f
        val EXTENSIONS = setOf(0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8)

        /** Integers that msgpackr writes before the values of a record that was defined earlier. */
        val RECORD_IDS = 0x40..0x7f
    }
}
