package dev.live.protocol

/**
 * Walks JSON text by the letter of RFC 8259 and cuts values out of it in compact form.
 *
 * Not kotlinx.serialization, which reads more than the RFC allows: literals without quotes, numbers with leading zeros,
 * halves of surrogate pairs, names twice in an object. Nesting costs an array entry, not a stack frame. Not thread-safe;
 * one instance reads one text.
 *
 * @param maxDepth how deep a value may nest arrays and objects
 * @param isLenient whether to check the grammar alone: any depth, names that occur twice, halves of surrogate pairs
 */
internal class JsonScanner(text: String, private val maxDepth: Int, isLenient: Boolean = false) :
    JsonLexer(text, isLenient) {
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
        if (peek() != END || at < text.length) {
            fail(if (isInEnvelope) "text follows the end; $ONE_MESSAGE" else "text follows the end")
        }
    }

    /**
     * Reads an object and gives each of its names to [onField], which has to read the value with [skipValue] or
     * [compactValue]. The object does not count as nesting.
     */
    fun fields(onField: (name: String) -> Unit) {
        isInEnvelope = true
        if (!skip('{')) throw noObject()
        val fields = FieldNames()
        if (!skip('}')) {
            do {
                val name = envelopeName()
                if (!isLenient) fields += name
                onField(name)
            } while (skip(','))
            expect('}', "a comma or the end of an object is expected")
        }
        fields.requireDistinct()
    }

    private fun noObject(): MalformedMessageException {
        val kind = kind()
        val wayOut = if (peek() == '[') "; $AS_OBJECT" else ""
        return MalformedMessageException("a message must be a JSON object, was $kind$wayOut")
    }

    /** Reads the text of [field]; null if it is `null`. */
    fun text(field: String): String? =
        when (peek()) {
            '"' -> stringValue()
            'n' -> null.also { literal("null") }
            else -> throw MalformedMessageException(noString(field))
        }

    private fun noString(field: String): String {
        val kind = kind()
        if (field == Field.BODY) return "body must be a base64 string, was $kind; $AS_BASE64"
        return "$field must be a string, was $kind"
    }

    /** Reads the integer in the field `offset`; null if it is `null`. */
    fun offset(): Long? {
        val kind = kind()
        val isNumber = kind == NUMBER
        val text = rawValue()
        if (text == "null") return null
        if (!isNumber) throw MalformedMessageException("$OFFSET_RANGE, was $kind")
        return integerIn(text)?.takeIf { it >= 0 }
            ?: throw MalformedMessageException("$OFFSET_RANGE, was another number")
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
                    nestedName()
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
                    if (!isArray) nestedName()
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
        if (depth == maxDepth && !isLenient) throw MalformedMessageException("$subject is nested deeper than $maxDepth")
        if (depth == containers.size) containers = containers.copyOf(depth * 2)
        containers[depth++] = firstName
        at++
    }

    private fun close() {
        at++
        val firstName = containers[--depth]
        if (firstName == ARRAY || isLenient) return
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

    /** Reads a name inside a value, and its colon. */
    private fun nestedName() {
        if (peek() != '"') fail("a name in quotes is expected")
        if (isLenient) string() else names += stringValue()
        expect(':', "a colon is expected")
    }

    private fun skip(char: Char): Boolean = (peek() == char).also { if (it) at++ }

    private fun expect(char: Char, otherwise: String) {
        if (!skip(char)) fail(otherwise)
    }

    private companion object {
        const val ARRAY = -1
        const val AS_OBJECT = "encode structs as objects"
        const val AS_BASE64 = "encode the bytes as base64 (RFC 4648, section 4)"
    }
}
