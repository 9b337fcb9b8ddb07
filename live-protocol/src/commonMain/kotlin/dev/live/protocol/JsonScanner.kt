package dev.live.protocol

/**
 * Walks JSON text by the letter of RFC 8259 and cuts values out of it in compact form.
 *
 * Not kotlinx.serialization, which reads more than the RFC allows: literals without quotes, numbers with leading zeros,
 * halves of surrogate pairs, names twice in an object. Nesting costs an array entry, not a stack frame. Not thread-safe;
 * one instance reads one text.
 *
 * @param maxDepth how deep a value may nest arrays and objects
 */
internal class JsonScanner(text: String, private val maxDepth: Int) : JsonLexer(text) {
    private var depth = 0

    /** Per open container: where its names begin in [names], or [ARRAY]. */
    private var containers = IntArray(8)

    /** The names of every open object, outermost first. */
    private val names = ArrayList<String>()

    private var isInEnvelope = false

    override val subject: String get() = if (isInEnvelope && pending < 0) "the message" else "data"

    /** The one value that the text holds, compact. */
    fun document(): String = compactValue().also { end() }

    /** Refuses whatever follows the last value. */
    fun end() {
        if (peek() != END || at < text.length) fail("text follows the end")
    }

    /**
     * Reads an object and gives each of its names to [onField], which has to read the value with [skipValue] or
     * [compactValue]. The object does not count as nesting.
     */
    fun fields(onField: (name: String) -> Unit) {
        isInEnvelope = true
        expect('{', "an object is expected")
        var known = 0 // a bit for each of the envelope's own names that was there
        val others = names.size
        if (!skip('}')) {
            do {
                val name = envelopeName()
                val bit = 1 shl Field.ALL.indexOf(name) + 1 // the lowest one for all other names
                if (bit == 1) {
                    names += name
                } else if (known and bit != 0) {
                    throw nameTwice()
                }
                known = known or bit
                onField(name)
            } while (skip(','))
            expect('}', "a comma or the end of an object is expected")
        }
        requireDistinct(names, others)
    }

    /** Reads one value and gives its compact text: no white space, numbers as written, strings with the fewest escapes. */
    fun compactValue(): String {
        startCompact()
        skipValue()
        return endCompact()
    }

    /** Reads one value and gives its text as it stands. */
    fun rawValue(): String {
        peek()
        val start = at
        skipValue()
        return text.substring(start, at)
    }

    /** Reads the string that comes next, whose quote was seen, and gives what it stands for. */
    fun stringValue(): String {
        val start = at
        val hasEscapes = string()
        return if (hasEscapes) unescape(text, start + 1, at - 1) else text.substring(start + 1, at - 1)
    }

    /** Reads one value. */
    fun skipValue() {
        val base = depth
        do {
            val opened = begin()
        } while (opened || !finish(base))
    }

    /** Reads a scalar, an empty container, or the opening of another one: then true, and a value must follow. */
    private fun begin(): Boolean {
        when (peek()) {
            '{' -> {
                open(names.size)
                if (peek() != '}') {
                    names += name()
                    return true
                }
                close()
            }
            '[' -> {
                open(ARRAY)
                if (peek() != ']') return true
                close()
            }
            '"' -> string()
            't' -> literal("true")
            'f' -> literal("false")
            'n' -> literal("null")
            else -> number()
        }
        return false
    }

    /** After a value: closes the containers that end here. True once [depth] is [base] again, false if a value follows. */
    private fun finish(base: Int): Boolean {
        while (depth > base) {
            val isArray = containers[depth - 1] == ARRAY
            when (peek()) {
                ',' -> {
                    at++
                    if (!isArray) names += name()
                    return false
                }
                ']' -> if (isArray) close() else fail("a comma or the end of an object is expected")
                '}' -> if (!isArray) close() else fail("a comma or the end of an array is expected")
                else -> fail("a comma or the end of an ${if (isArray) "array" else "object"} is expected")
            }
        }
        return true
    }

    private fun open(firstName: Int) {
        if (depth == maxDepth) throw MalformedMessageException("$subject is nested deeper than $maxDepth")
        if (depth == containers.size) containers = containers.copyOf(depth * 2)
        containers[depth++] = firstName
        at++
    }

    private fun close() {
        at++
        val firstName = containers[--depth]
        if (firstName == ARRAY) return
        requireDistinct(names, firstName)
        while (names.size > firstName) names.removeAt(names.lastIndex)
    }

    /** As [name], but makes no string for a name that the envelope has. */
    private fun envelopeName(): String {
        if (peek() != '"') fail("a name in quotes is expected")
        val start = at + 1
        val hasEscapes = string()
        val length = at - 1 - start
        val name =
            when {
                hasEscapes -> unescape(text, start, at - 1)
                else -> Field.ALL.find { it.length == length && text.startsWith(it, start) }
                    ?: text.substring(start, at - 1)
            }
        expect(':', "a colon is expected")
        return name
    }

    /** Reads a name and its colon. */
    private fun name(): String {
        if (peek() != '"') fail("a name in quotes is expected")
        val name = stringValue()
        expect(':', "a colon is expected")
        return name
    }

    private fun skip(char: Char): Boolean = (peek() == char).also { if (it) at++ }

    private fun expect(char: Char, otherwise: String) {
        if (!skip(char)) fail(otherwise)
    }

    private companion object {
        const val ARRAY = -1
    }
}
