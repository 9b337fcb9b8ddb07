package dev.live.protocol

/**
 * Walks JSON text by the letter of RFC 8259 and cuts values out of it in compact form.
 *
 * Stands in front of kotlinx.serialization, which reads more than the RFC allows: literals without quotes, numbers
 * with leading zeros, halves of surrogate pairs, names twice in an object. Nesting costs an array entry, not a stack
 * frame. Not thread-safe; one instance reads one text.
 *
 * @param maxDepth how deep a value may nest arrays and objects
 */
internal class JsonScanner(private val text: String, private val maxDepth: Int) {
    private var at = 0
    private var depth = 0

    /** Per open container: where its names begin in [names], or [ARRAY]. */
    private var containers = IntArray(8)

    /** The names of every open object, outermost first. */
    private val names = ArrayList<String>()

    /** What of the value being cut out is not copied from [text] as it stands; null while all of it is. */
    private var compact: StringBuilder? = null

    /** Where the part of the value begins that is not in [compact] yet, or -1 while nothing is cut out. */
    private var pending = -1

    private var isInEnvelope = false

    /** What a reason is about. */
    private val subject get() = if (isInEnvelope && pending < 0) "the message" else "data"

    /** Where reading goes on, in characters. */
    val position: Int get() = at

    /** The character that comes next, white space left out, or [END]. */
    fun peek(): Char {
        val start = at
        while (at < text.length && isSpace(text[at])) at++
        if (at > start && pending >= 0) replace(start, at, "")
        return charAt(at)
    }

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
        val fields = ArrayList<String>()
        if (!skip('}')) {
            do {
                val name = name()
                fields += name
                onField(name)
            } while (skip(','))
            expect('}', "a comma or the end of an object is expected")
        }
        requireDistinct(fields, 0)
    }

    /** Reads one value and gives its compact text: no white space, numbers as written, strings with the fewest escapes. */
    fun compactValue(): String {
        peek()
        pending = at
        compact = null
        skipValue()
        val result = compact?.append(text, pending, at)?.toString() ?: text.substring(pending, at)
        pending = -1
        return result
    }

    /** Reads one value and gives its text as it stands. */
    fun rawValue(): String {
        peek()
        val start = at
        skipValue()
        return text.substring(start, at)
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

    /** Reads a name and its colon. */
    private fun name(): String {
        if (peek() != '"') fail("a name in quotes is expected")
        val start = at
        val hasEscapes = string()
        val name = if (hasEscapes) unescape(text, start + 1, at - 1) else text.substring(start + 1, at - 1)
        expect(':', "a colon is expected")
        return name
    }

    private fun skip(char: Char): Boolean = (peek() == char).also { if (it) at++ }

    private fun expect(char: Char, otherwise: String) {
        if (!skip(char)) fail(otherwise)
    }

    private fun literal(literal: String) {
        if (!text.startsWith(literal, at)) fail("a value is expected")
        at += literal.length
    }

    private fun number() {
        val start = at
        if (charAt(at) == '-') at++
        if (charAt(at) == '0') at++ else digits(if (at == start) "a value is expected" else "a digit is expected")
        if (charAt(at) in '0'..'9') fail("a number must not begin with zero")
        if (charAt(at) == '.') {
            at++
            digits("a digit is expected")
        }
        if (charAt(at) == 'e' || charAt(at) == 'E') {
            at++
            if (charAt(at) == '+' || charAt(at) == '-') at++
            digits("a digit is expected")
        }
    }

    private fun digits(otherwise: String) {
        if (charAt(at) !in '0'..'9') fail(otherwise)
        while (charAt(at) in '0'..'9') at++
    }

    /** Reads a string, in its fewest escapes if a value is being cut out. True if it has escapes. */
    private fun string(): Boolean {
        val start = at++
        var hasEscapes = false
        var isCompact = true
        while (true) {
            val c = if (at < text.length) text[at] else fail("a string does not end")
            when {
                c == '"' -> break
                c == '\\' -> {
                    hasEscapes = true
                    isCompact = escape() && isCompact
                }
                c < ' ' -> fail("a control character in a string is not escaped")
                !c.isSurrogate() -> at++
                c.isHighSurrogate() && charAt(at + 1).isLowSurrogate() -> at += 2
                else -> fail("half of a surrogate pair")
            }
        }
        at++
        if (!isCompact && pending >= 0) replace(start, at, quote(unescape(text, start + 1, at - 1)))
        return hasEscapes
    }

    /** Reads one escape. True if there is no shorter way to write it. */
    private fun escape(): Boolean {
        when (charAt(at + 1)) {
            '"', '\\', 'b', 'f', 'n', 'r', 't' -> {
                at += 2
                return true
            }
            '/' -> at += 2
            'u' -> unicodeEscape()
            else -> fail("an escape that JSON does not have")
        }
        return false
    }

    private fun unicodeEscape() {
        val c = hex4()
        if (!c.isSurrogate()) return
        val isPair = c.isHighSurrogate() && charAt(at) == '\\' && charAt(at + 1) == 'u' && hex4().isLowSurrogate()
        if (!isPair) fail("half of a surrogate pair")
    }

    /** Reads `\uXXXX`. */
    private fun hex4(): Char {
        var code = 0
        for (i in at + 2 until at + 6) {
            val digit = hexDigit(charAt(i))
            if (digit < 0) fail("an escape takes four hexadecimal digits")
            code = code * 16 + digit
        }
        at += 6
        return code.toChar()
    }

    private fun replace(from: Int, to: Int, with: String) {
        val target = compact ?: StringBuilder(text.length - pending).also { compact = it }
        target.append(text, pending, from).append(with)
        pending = to
    }

    /** The character at [index], or [END] past the end; a NUL that the text itself holds is refused wherever it stands. */
    private fun charAt(index: Int): Char = if (index < text.length) text[index] else END

    private fun fail(problem: String): Nothing =
        throw MalformedMessageException("$subject is not valid JSON at character $at: $problem")

    private companion object {
        const val ARRAY = -1
        const val END = '\u0000'
    }
}

private fun isSpace(c: Char) = c == ' ' || c == '\n' || c == '\r' || c == '\t'
