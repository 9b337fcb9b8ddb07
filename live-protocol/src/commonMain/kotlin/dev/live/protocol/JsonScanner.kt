package dev.live.protocol

/**
 * Validates JSON text in strict conformance to RFC 8259 and extracts values in compact form.
 *
 * Replaces kotlinx.serialization, which accepts more than the RFC allows: unquoted literals, numbers with leading
 * zeros, unpaired surrogates, duplicate names in an object. A nesting level costs an array entry, not a stack frame.
 * Not thread-safe; one instance reads one text.
 *
 * @param maxDepth maximum nesting of arrays and objects
 * @param isLenient true checks the grammar only: any depth, duplicate names and unpaired surrogates pass
 */
internal class JsonScanner(text: String, private val maxDepth: Int, isLenient: Boolean = false) :
    JsonLexer(text, isLenient) {
    private var depth = 0

    /** Per open container: index of its first name in [names], or [ARRAY]. */
    private var containers = NONE

    /** The names of every open object, outermost first. Created by the first name: most messages have no nested one. */
    private var names: JsonNames? = null

    private var isInEnvelope = false

    override val subject: String get() = if (isInEnvelope && pending < 0) "the message" else "data"

    /** Reads the text as one value and returns its compact form. */
    fun document(): String = compactValue().also { end() }

    /** Rejects text after the last value. */
    fun end() {
        if (peek() != END || at < text.length) {
            fail(if (isInEnvelope) "unexpected text after the end; $ONE_MESSAGE" else "unexpected text after the end")
        }
    }

    /**
     * Reads an object and calls [onField] for each name. [onField] must read the value, for example with [skipValue] or
     * [compactValue]. The object does not count as a nesting level. Inline, because local variables that a lambda
     * assigns are objects otherwise.
     */
    inline fun fields(onField: (name: String) -> Unit) {
        isInEnvelope = true
        if (!skip('{')) throw notAnObject()
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

    private fun notAnObject(): MalformedMessageException {
        val kind = kind()
        val hint = if (peek() == '[') "; $AS_OBJECT" else ""
        return MalformedMessageException("a message must be a JSON object, was $kind$hint")
    }

    /** Reads the text of [field]; null if it is `null`. */
    fun text(field: String): String? =
        when (peek()) {
            '"' -> stringValue()
            'n' -> null.also { literal("null") }
            else -> throw MalformedMessageException(notAString(field))
        }

    private fun notAString(field: String): String {
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
            ?: throw MalformedMessageException("$OFFSET_RANGE, was an unsupported number")
    }

    /** Reads one value and returns its compact text: no white space, numbers unchanged, a minimum of escapes. */
    fun compactValue(): String {
        startCompact()
        skipValue()
        return endCompact()
    }

    /** Reads one value and returns its original text. */
    fun rawValue(): String {
        peek()
        val start = at
        skipValue()
        return text.substring(start, at)
    }

    /** Reads a string, starting at its opening quote, and returns its unescaped content. */
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

    /** Reads a scalar, an empty container or the start of a container. True after a start: a value must follow. */
    private fun begin(): Boolean {
        when (peek()) {
            '{' -> {
                open(names?.size ?: 0)
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

    /** Closes the containers that end after a value. Returns true when [depth] is [base], false if a value follows. */
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
        if (depth == containers.size) containers = containers.copyOf(maxOf(depth * 2, MIN_CONTAINERS))
        containers[depth++] = firstName
        at++
    }

    private fun close() {
        at++
        val firstName = containers[--depth]
        if (firstName == ARRAY || isLenient) return
        names?.removeDistinct(firstName)
    }

    /** Reads a name and its colon. Allocates no string for the envelope's own names. */
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
        val start = at + 1
        val hasEscapes = string()
        if (!isLenient) (names ?: JsonNames(text).also { names = it }).add(start, at - 1, hasEscapes)
        expect(':', "a colon is expected")
    }

    private fun skip(char: Char): Boolean = (peek() == char).also { if (it) at++ }

    private fun expect(char: Char, otherwise: String) {
        if (!skip(char)) fail(otherwise)
    }

    private companion object {
        const val ARRAY = -1
        const val MIN_CONTAINERS = 8
        val NONE = IntArray(0)
        const val AS_OBJECT = "encode structs as objects"
        const val AS_BASE64 = "encode the bytes as base64 (RFC 4648, section 4)"
    }
}
