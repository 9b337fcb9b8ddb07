package dev.live.protocol

/** Reads CBOR in strict conformance to RFC 8949. One file, because its functions share the position and the depth. */
internal class CborReader(bytes: ByteArray, maxDepth: Int, isLenient: Boolean = false) :
    BinaryReader(bytes, maxDepth, isLenient) {
    /** Per open container of a skipped item: the number of remaining items, or a state of indefinite length (below). */
    private var remaining = LongArray(8)
    private var depth = 0

    /** Major type, additional information and argument of the last head read (RFC 8949, section 3). */
    private var major = 0
    private var info = 0
    private var argument = 0L

    /** Number of remaining fields; [INDEFINITE] in a map of indefinite length. */
    private var fields = 0L

    override fun begin() {
        head()
        if (major == TAG && argument == SELF_DESCRIBED) head()
        if (major != MAP) throw notAMap()
        fields = if (info == INDEFINITE_LENGTH) INDEFINITE else declaredCount(2)
    }

    private fun notAMap() =
        when {
            major == TAG && argument in RECORD_TAGS -> wrong("a message", "a map", RECORDS)
            major == ARRAY -> wrong("a message", "a map", "encode structs as maps")
            else -> wrong("a message", "a map")
        }

    override fun hasNext(): Boolean {
        if (fields == INDEFINITE) return !skipBreak()
        if (fields == 0L) return false
        fields--
        return true
    }

    override fun name(): String {
        head()
        if (!isText()) {
            throw MalformedMessageException("field names must be CBOR text strings (major type 3), was ${kind()}")
        }
        if (info == INDEFINITE_LENGTH) return chunkedText("the name of a field")
        return nameFrom(take(argument))
    }

    override fun text(field: String): String? {
        head()
        if (isAbsent()) return null
        if (!isText()) throw notText(field)
        if (info == INDEFINITE_LENGTH) return chunkedText(field)
        val start = take(argument)
        return bytes.decodeUtf8(field, start, at)
    }

    private fun notText(field: String) =
        if (field == Field.DATA) {
            MalformedMessageException("$DATA_IS_TEXT, was ${kind()}")
        } else {
            wrong(field, "a CBOR text string (major type 3)")
        }

    /** Some encoders write all strings as byte strings. A lenient reader reads them; the message is rejected anyway. */
    private fun isText() = major == TEXT || (isLenient && major == BINARY)

    override fun body(): ByteArray? {
        head()
        if (isAbsent()) return null
        if (major == TAG && argument == UINT8_ARRAY) head()
        if (major != BINARY) {
            val hint = "encode bytes as one byte string, with no tag but 64"
            throw wrong(Field.BODY, "a byte string (major type 2)", hint)
        }
        if (info == INDEFINITE_LENGTH) return chunkedBytes()
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

    /** Whether the head is `null` or `undefined`. Both mean that the field is absent. */
    private fun isAbsent() = major == SIMPLE && (info == NULL || info == UNDEFINED)

    override fun skip() {
        depth = 0
        item()
        while (depth > 0) {
            val left = remaining[depth - 1]
            when {
                left == 0L -> depth--
                left > 0 -> {
                    remaining[depth - 1] = left - 1
                    item()
                }
                left != VALUE_IN_INDEFINITE_MAP && skipBreak() -> depth--
                else -> {
                    if (left != IN_INDEFINITE_ARRAY) {
                        remaining[depth - 1] =
                            if (left == KEY_IN_INDEFINITE_MAP) VALUE_IN_INDEFINITE_MAP else KEY_IN_INDEFINITE_MAP
                    }
                    item()
                }
            }
        }
    }

    /** Reads a scalar or the head of a container, including its tags. */
    private fun item() {
        do head() while (major == TAG)
        val isIndefinite = info == INDEFINITE_LENGTH
        when (major) {
            BINARY, TEXT -> skipContent()
            ARRAY -> open(if (isIndefinite) IN_INDEFINITE_ARRAY else declaredCount(1))
            MAP -> open(if (isIndefinite) KEY_IN_INDEFINITE_MAP else declaredCount(2) * 2)
            SIMPLE -> {
                if (isIndefinite) fail("unexpected break byte")
                if (info == ONE_BYTE && argument < 32) fail("a simple value below 32 is encoded in two bytes")
            }
        }
    }

    private fun open(items: Long) {
        if (depth == maxDepth && !isLenient) {
            throw MalformedMessageException("the message is nested deeper than $maxDepth")
        }
        if (depth == remaining.size) remaining = remaining.copyOf(depth * 2)
        remaining[depth++] = items
    }

    /** The count in the head, checked against the input: each counted entry takes at least [width] bytes. */
    private fun declaredCount(width: Int): Long {
        if (argument !in 0..(bytes.size - at) / width) fail("unexpected end of input")
        return argument
    }

    /** Skips the content of a string after its head. */
    private fun skipContent() {
        val isText = major == TEXT && !isLenient
        if (info == INDEFINITE_LENGTH) {
            chunks { from, to -> if (isText) bytes.decodeUtf8(UNKNOWN_TEXT, from, to) }
        } else {
            val start = take(argument)
            if (isText) bytes.decodeUtf8(UNKNOWN_TEXT, start, at)
        }
    }

    private fun chunkedText(field: String): String =
        buildString { chunks { from, to -> append(bytes.decodeUtf8(field, from, to)) } }

    /** Reads the chunks twice. Growing an array chunk by chunk would take quadratic time. */
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
            if (major != kind || info == INDEFINITE_LENGTH) fail("a chunk has a different type than its string")
            val start = take(argument)
            onChunk(start, at)
        }
    }

    private fun skipBreak(): Boolean {
        if (at == bytes.size) fail("unexpected end of input")
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
                info == INDEFINITE_LENGTH && (major in BINARY..MAP || major == SIMPLE) -> 0
                else -> fail("invalid additional information")
            }
    }

    /** Describes the item of the last head read, for error messages. */
    private fun kind(): String =
        when (major) {
            UNSIGNED -> "an integer"
            NEGATIVE -> "a negative integer"
            BINARY -> "a byte string"
            TEXT -> "a text string"
            ARRAY -> if (info == INDEFINITE_LENGTH) "an array" else "an array of ${argument.toULong()}"
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

    private fun wrong(subject: String, expected: String, hint: String? = null) =
        MalformedMessageException("$subject must be $expected, was ${kind()}" + if (hint == null) "" else "; $hint")

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
        const val INDEFINITE_LENGTH = 31

        const val BREAK = 0xff.toByte()

        /** Tag before a message that marks the data as CBOR (RFC 8949, 3.4.6). */
        const val SELF_DESCRIBED = 55_799L

        /** Tag of a byte string that is an array of unsigned bytes (RFC 8746). Encoders write it for a `Uint8Array`. */
        const val UINT8_ARRAY = 64L

        /** Tags of cbor-x for a record definition and the records that use it. */
        val RECORD_TAGS = 57_343L..57_599L

        const val UNKNOWN_TEXT = "the text of an unknown field"
        const val INDEFINITE = -1L

        // states of a container of indefinite length
        const val IN_INDEFINITE_ARRAY = -1L
        const val KEY_IN_INDEFINITE_MAP = -2L
        const val VALUE_IN_INDEFINITE_MAP = -3L
    }
}
