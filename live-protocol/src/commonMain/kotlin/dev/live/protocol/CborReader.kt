package dev.live.protocol

/** Reads CBOR by the letter of RFC 8949. */
internal class CborReader(bytes: ByteArray, maxDepth: Int, isLenient: Boolean = false) :
    BinaryReader(bytes, maxDepth, isLenient) {
    /** Per open container of what is skipped: the items still to come, or one of the states of an open end below. */
    private var waiting = LongArray(8)
    private var depth = 0

    /** Of the head read last: its major type and its additional information, with the number that goes with them. */
    private var major = 0
    private var info = 0
    private var argument = 0L

    /** Fields still to come; [OPEN] in a map with an open end. */
    private var fields = 0L

    override fun begin() {
        head()
        if (major == TAG && argument == SELF_DESCRIBED) head()
        if (major != MAP) throw noMap()
        fields = if (info == OPEN_END) OPEN else claimed(2)
    }

    private fun noMap() =
        when {
            major == TAG && argument in RECORD_TAGS -> wrong("a message", "a map", RECORDS)
            major == ARRAY -> wrong("a message", "a map", "encode structs as maps")
            else -> wrong("a message", "a map")
        }

    override fun hasNext(): Boolean {
        if (fields == OPEN) return !skipBreak()
        if (fields == 0L) return false
        fields--
        return true
    }

    override fun name(): String {
        head()
        if (!isText()) {
            throw MalformedMessageException("field names must be CBOR text strings (major type 3), was ${kind()}")
        }
        if (info == OPEN_END) return chunkedText("the name of a field")
        return nameFrom(take(argument))
    }

    override fun text(field: String): String? {
        head()
        if (isAbsent()) return null
        if (!isText()) throw noText(field)
        if (info == OPEN_END) return chunkedText(field)
        val start = take(argument)
        return bytes.decodeUtf8(field, start, at)
    }

    private fun noText(field: String) =
        if (field == Field.DATA) {
            MalformedMessageException("$DATA_IS_TEXT, was ${kind()}")
        } else {
            wrong(field, "a CBOR text string (major type 3)")
        }

    /** A name or text of someone who writes all strings as byte strings can be read, and is refused all the same. */
    private fun isText() = major == TEXT || (isLenient && major == BINARY)

    override fun body(): ByteArray? {
        head()
        if (isAbsent()) return null
        if (major == TAG && argument == UINT8_ARRAY) head()
        if (major != BINARY) {
            val wayOut = "encode bytes as one byte string, with no tag but 64"
            throw wrong(Field.BODY, "a byte string (major type 2)", wayOut)
        }
        if (info == OPEN_END) return chunkedBytes()
        val start = take(argument)
        return bytes.copyOfRange(start, at)
    }

    override fun offset(): Long? {
        head()
        if (isAbsent()) return null
        if (major != UNSIGNED) throw MalformedMessageException("$OFFSET_RANGE, was ${kind()}")
        if (argument < 0) throw MalformedMessageException("$OFFSET_RANGE, was $TOO_LARGE")
        return argument
    }

    /** Whether the head is `null` or `undefined`, which stand for a field that is absent. */
    private fun isAbsent() = major == SIMPLE && (info == NULL || info == UNDEFINED)

    override fun skip() {
        depth = 0
        item()
        while (depth > 0) {
            val left = waiting[depth - 1]
            when {
                left == 0L -> depth--
                left > 0 -> {
                    waiting[depth - 1] = left - 1
                    item()
                }
                left != VALUE_IN_OPEN_MAP && skipBreak() -> depth--
                else -> {
                    if (left != IN_OPEN_ARRAY) {
                        waiting[depth - 1] = if (left == NAME_IN_OPEN_MAP) VALUE_IN_OPEN_MAP else NAME_IN_OPEN_MAP
                    }
                    item()
                }
            }
        }
    }

    /** Reads a scalar, or the head of a container, with the tags in front. */
    private fun item() {
        do head() while (major == TAG)
        val hasOpenEnd = info == OPEN_END
        when (major) {
            BINARY, TEXT -> skipContent()
            ARRAY -> open(if (hasOpenEnd) IN_OPEN_ARRAY else claimed(1))
            MAP -> open(if (hasOpenEnd) NAME_IN_OPEN_MAP else claimed(2) * 2)
            SIMPLE -> {
                if (hasOpenEnd) fail("a break where an item is expected")
                if (info == ONE_BYTE && argument < 32) fail("a simple value in two bytes that takes one")
            }
        }
    }

    private fun open(items: Long) {
        if (depth == maxDepth && !isLenient) {
            throw MalformedMessageException("the message is nested deeper than $maxDepth")
        }
        if (depth == waiting.size) waiting = waiting.copyOf(depth * 2)
        waiting[depth++] = items
    }

    /** The number that the head claims of things that take at least [width] bytes each. */
    private fun claimed(width: Int): Long {
        if (argument !in 0..(bytes.size - at) / width) fail("it ends too early")
        return argument
    }

    /** After the head of a string: reads the rest of it. */
    private fun skipContent() {
        val isText = major == TEXT && !isLenient
        if (info == OPEN_END) {
            chunks { from, to -> if (isText) bytes.decodeUtf8(UNKNOWN, from, to) }
        } else {
            val start = take(argument)
            if (isText) bytes.decodeUtf8(UNKNOWN, start, at)
        }
    }

    private fun chunkedText(field: String): String =
        buildString { chunks { from, to -> append(bytes.decodeUtf8(field, from, to)) } }

    /** Walks the chunks twice: growing an array by each of them would take time that is quadratic in their number. */
    private fun chunkedBytes(): ByteArray {
        val start = at
        var size = 0
        chunks { from, to -> size += to - from }
        at = start
        major = BINARY
        val result = ByteArray(size)
        var filled = 0
        chunks { from, to ->
            bytes.copyInto(result, filled, from, to)
            filled += to - from
        }
        return result
    }

    private inline fun chunks(onChunk: (from: Int, to: Int) -> Unit) {
        val kind = major
        while (!skipBreak()) {
            head()
            if (major != kind || info == OPEN_END) fail("a string with a chunk of another kind")
            val start = take(argument)
            onChunk(start, at)
        }
    }

    private fun skipBreak(): Boolean {
        if (at == bytes.size) fail("it ends too early")
        return (bytes[at] == BREAK).also { if (it) at++ }
    }

    private fun head() {
        val first = bytes[take(1)].toInt() and 0xff
        major = first shr 5
        info = first and 0x1f
        argument =
            when {
                info < ONE_BYTE -> info.toLong()
                info <= EIGHT_BYTES -> unsigned(1 shl (info - ONE_BYTE))
                info == OPEN_END && (major in BINARY..MAP || major == SIMPLE) -> 0
                else -> fail("an item with a length it cannot have")
            }
    }

    /** What the head read last begins. */
    private fun kind(): String =
        when (major) {
            UNSIGNED -> "an integer"
            NEGATIVE -> "a negative integer"
            BINARY -> "a byte string"
            TEXT -> "a text string"
            ARRAY -> if (info == OPEN_END) "an array" else "an array of ${argument.toULong()}"
            MAP -> "a map"
            TAG -> "tag ${argument.toULong()}"
            else ->
                when (info) {
                    FALSE, TRUE -> "a boolean"
                    NULL -> "null"
                    UNDEFINED -> "undefined"
                    in HALF_FLOAT..EIGHT_BYTES -> "a float"
                    else -> "a simple value"
                }
        }

    private fun wrong(what: String, expected: String, wayOut: String? = null) =
        MalformedMessageException("$what must be $expected, was ${kind()}" + if (wayOut == null) "" else "; $wayOut")

    override fun fail(problem: String): Nothing =
        throw MalformedMessageException("the message is not valid CBOR at byte $at: $problem")

    private companion object {
        // major types
        const val UNSIGNED = 0
        const val NEGATIVE = 1
        const val BINARY = 2
        const val TEXT = 3
        const val ARRAY = 4
        const val MAP = 5
        const val TAG = 6
        const val SIMPLE = 7

        // additional information
        const val FALSE = 20
        const val TRUE = 21
        const val NULL = 22
        const val UNDEFINED = 23
        const val ONE_BYTE = 24
        const val HALF_FLOAT = 25
        const val EIGHT_BYTES = 27
        const val OPEN_END = 31

        const val BREAK = 0xff.toByte()

        /** In front of a message: "this is CBOR" (RFC 8949, 3.4.6). */
        const val SELF_DESCRIBED = 55_799L

        /** On a byte string: an array of unsigned bytes (RFC 8746), which is what a `Uint8Array` is. */
        const val UINT8_ARRAY = 64L

        /** Of the records of cbor-x: a definition, and the records that follow it. */
        val RECORD_TAGS = 57_343L..57_599L

        const val UNKNOWN = "the text of an unknown field"
        const val OPEN = -1L

        // states of a container with an open end
        const val IN_OPEN_ARRAY = -1L
        const val NAME_IN_OPEN_MAP = -2L
        const val VALUE_IN_OPEN_MAP = -3L
    }
}
