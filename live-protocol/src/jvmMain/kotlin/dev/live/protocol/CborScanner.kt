package dev.live.protocol

/**
 * Walks CBOR by the letter of RFC 8949 without building anything.
 *
 * Stands in front of kotlinx.serialization, which takes what is no message: a name twice, text that is not
 * UTF-8, an empty map for null, ill-formed items in what it skips. Nesting costs an array entry, not a stack frame, and nothing is allocated for a
 * length before the bytes that it claims are known to be there. Not thread-safe; one instance reads one input.
 *
 * @param maxDepth how deep an item that is skipped may nest arrays and maps
 */
internal class CborScanner(private val bytes: ByteArray, private val maxDepth: Int) {
    private var at = 0

    /** Per open container of what is skipped: the items still to come, or one of the states of an open end below. */
    private var waiting = LongArray(8)
    private var depth = 0

    /** Of the head read last: its major type and its additional information, with the number that goes with them. */
    private var major = 0
    private var info = 0
    private var argument = 0L

    /** Reads a map and gives each of its names to [onField], which has to read the value with [skip] or its kin. */
    fun fields(onField: (name: String) -> Unit) {
        head()
        if (major != MAP) throw MalformedMessageException("a message must be a map")
        val hasOpenEnd = info == OPEN_END
        var left = if (hasOpenEnd) 0 else argument
        val names = ArrayList<String>()
        while (if (hasOpenEnd) !skipBreak() else left-- > 0) {
            val name = name()
            names += name
            onField(name)
        }
        requireDistinct(names, 0)
    }

    /** Refuses whatever follows the last item. */
    fun end() {
        if (at < bytes.size) throw MalformedMessageException("bytes follow the end of the message")
    }

    /** Reads the text of [field]. */
    fun skipText(field: String) {
        head()
        if (major != TEXT) throw MalformedMessageException("$field must be text")
        if (isEmptyInChunks()) throw MalformedMessageException("$field must not be a string of no chunks")
        skipContent()
    }

    /** Reads the byte string of [field]. */
    fun skipBinary(field: String) {
        head()
        if (major != BINARY) throw MalformedMessageException("$field must be a byte string")
        if (isEmptyInChunks()) throw MalformedMessageException("$field must not be a string of no chunks")
        skipContent()
    }

    /** Reads an integer from 0 to 2^63-1. */
    fun skipOffset() {
        head()
        if (major != UNSIGNED || argument < 0) throw MalformedMessageException(OFFSET_RANGE)
    }

    /** Reads one item of any kind, and all that it holds. */
    fun skip() {
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
        if (depth == maxDepth) throw MalformedMessageException("the message is nested deeper than $maxDepth")
        if (depth == waiting.size) waiting = waiting.copyOf(depth * 2)
        waiting[depth++] = items
    }

    /** The number that the head claims of things that take at least [width] bytes each. */
    private fun claimed(width: Int): Long {
        if (argument !in 0..(bytes.size - at) / width) fail("it ends too early")
        return argument
    }

    /** Reads the name of a field. */
    private fun name(): String {
        head()
        if (major != TEXT) throw MalformedMessageException("the name of a field must be text")
        if (info != OPEN_END) {
            val start = take(argument)
            return bytes.decodeUtf8(start, at)
        }
        if (isEmptyInChunks()) throw MalformedMessageException("a name must not be a string of no chunks")
        return buildString { chunks { from, to -> append(bytes.decodeUtf8(from, to)) } }
    }

    /** After the head of a string: reads the rest of it. */
    private fun skipContent() {
        val isText = major == TEXT
        if (info == OPEN_END) {
            chunks { from, to -> if (isText) bytes.decodeUtf8(from, to) }
        } else {
            val start = take(argument)
            if (isText) bytes.decodeUtf8(start, at)
        }
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

    /** kotlinx.serialization does not read a string of no chunks, which is legal and which nobody writes. */
    private fun isEmptyInChunks() = info == OPEN_END && at < bytes.size && bytes[at] == BREAK

    private fun skipBreak(): Boolean {
        if (at == bytes.size) fail("it ends too early")
        return (bytes[at] == BREAK).also { if (it) at++ }
    }

    private fun head() {
        val first = bytes[take(1)].toInt() and 0xff
        major = first shr 5
        info = first and 0x1f
        argument =
            when (info) {
                in 0 until ONE_BYTE -> info.toLong()
                in ONE_BYTE..EIGHT_BYTES -> unsigned(1 shl (info - ONE_BYTE))
                OPEN_END -> if (major in BINARY..MAP ||
                    major == SIMPLE
                ) {
                    0
                } else {
                    fail("an item with a length it cannot have")
                }
                else -> fail("an item with a length it cannot have")
            }
    }

    /** Reads [width] bytes, the highest first; eight of them may come out negative. */
    private fun unsigned(width: Int): Long {
        val start = take(width.toLong())
        var value = 0L
        for (i in start until at) value = (value shl 8) or (bytes[i].toLong() and 0xff)
        return value
    }

    /** Moves past [length] bytes and gives where they begin. A length beyond 63 bits is negative here. */
    private fun take(length: Long): Int {
        if (length !in 0..bytes.size - at) fail("it ends too early")
        return at.also { at += length.toInt() }
    }

    private fun fail(problem: String): Nothing = throw MalformedMessageException(
        "the message is not valid CBOR at byte $at: $problem",
    )

    private companion object {
        // major types
        const val UNSIGNED = 0
        const val BINARY = 2
        const val TEXT = 3
        const val ARRAY = 4
        const val MAP = 5
        const val TAG = 6
        const val SIMPLE = 7

        // additional information
        const val ONE_BYTE = 24
        const val EIGHT_BYTES = 27
        const val OPEN_END = 31

        const val BREAK = 0xff.toByte()

        // states of a container with an open end
        const val IN_OPEN_ARRAY = -1L
        const val NAME_IN_OPEN_MAP = -2L
        const val VALUE_IN_OPEN_MAP = -3L
    }
}
