package dev.live.protocol

/**
 * Reads and validates the tokens of JSON text in strict conformance to RFC 8259.
 *
 * Builds the compact form of a value between [startCompact] and [endCompact]. Not thread-safe; one instance reads
 * one text.
 */
internal abstract class JsonLexer(protected val text: String, protected val isLenient: Boolean) {
    protected var at = 0

    /** The compact form so far; null while it is identical to the part of [text] that was read. */
    private var compact: StringBuilder? = null

    /** Start of the part of the value that is not in [compact] yet; -1 while no compact form is built. */
    protected var pending = -1
        private set

    /** The subject of an error message. */
    protected abstract val subject: String

    /** Index of the next character. */
    val position: Int get() = at

    /** Skips white space and returns the next character, or [END], without reading it. */
    fun peek(): Char {
        val start = at
        while (at < text.length && isSpace(text[at])) at++
        if (at > start && pending >= 0) replace(start, at, "")
        return charAt(at)
    }

    /** Describes the type of the next value, for error messages. */
    protected fun kind(): String =
        when (val c = peek()) {
            '{' -> "an object"
            '[' -> "an array"
            '"' -> "a string"
            't', 'f' -> "a boolean"
            'n' -> "null"
            '-', in '0'..'9' -> NUMBER
            BYTE_ORDER_MARK -> fail("the text starts with a byte order mark; remove it")
            else -> fail(if (c == END && at >= text.length) "unexpected end of input" else "a value is expected")
        }

    protected fun startCompact() {
        peek()
        pending = at
        compact = null
    }

    /** The compact form of the text read since [startCompact]. */
    protected fun endCompact(): String {
        val result = compact?.append(text, pending, at)?.toString() ?: text.substring(pending, at)
        pending = -1
        return result
    }

    protected fun literal(literal: String) {
        if (!text.startsWith(literal, at)) fail("a value is expected")
        at += literal.length
    }

    protected fun number() {
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

    /** Reads a string. The compact form gets the minimum of escapes. Returns true if the string has escapes. */
    protected fun string(): Boolean {
        val start = at++
        var hasEscapes = false
        var isCompact = true
        while (true) {
            val c = if (at < text.length) text[at] else fail("unterminated string")
            when {
                c in PLAIN && c != '"' && c != '\\' -> at++ // fast path
                c == '"' -> break
                c == '\\' -> {
                    hasEscapes = true
                    isCompact = escape() && isCompact
                }
                c < ' ' -> fail("a control character in a string is not escaped")
                !c.isSurrogate() -> at++
                c.isHighSurrogate() && charAt(at + 1).isLowSurrogate() -> at += 2
                else -> fail("unpaired surrogate")
            }
        }
        at++
        if (!isCompact && pending >= 0) replace(start, at, quote(unescape(text, start + 1, at - 1)))
        return hasEscapes
    }

    /** Reads one escape. Returns true if it has no shorter form. */
    private fun escape(): Boolean {
        when (charAt(at + 1)) {
            '"', '\\', 'b', 'f', 'n', 'r', 't' -> {
                at += 2
                return true
            }
            '/' -> at += 2
            'u' -> unicodeEscape()
            else -> fail("invalid escape sequence")
        }
        return false
    }

    private fun unicodeEscape() {
        val c = hex4()
        if (!c.isSurrogate()) return
        val isPair = c.isHighSurrogate() && charAt(at) == '\\' && charAt(at + 1) == 'u' && hex4().isLowSurrogate()
        if (!isPair && !isLenient) fail("unpaired surrogate")
    }

    /** Reads `\uXXXX`. */
    private fun hex4(): Char {
        var code = 0
        for (i in at + 2 until at + 6) {
            val digit = hexDigit(charAt(i))
            if (digit < 0) fail("an escape needs four hexadecimal digits")
            code = code * 16 + digit
        }
        at += 6
        return code.toChar()
    }

    private fun replace(from: Int, to: Int, with: String) {
        val target = compact ?: StringBuilder(from - pending + SPARE_CAPACITY).also { compact = it }
        target.append(text, pending, from).append(with)
        pending = to
    }

    /** The character at [index], or [END] after the end. */
    private fun charAt(index: Int): Char = if (index < text.length) text[index] else END

    protected fun fail(problem: String): Nothing =
        throw MalformedMessageException("$subject is not valid JSON at character $at: $problem")

    protected companion object {
        /** Spare capacity in characters. The length of the remaining text would be quadratic for many short values. */
        private const val SPARE_CAPACITY = 64

        /** Equal to the character NUL, which is invalid at every position. */
        const val END = '\u0000'

        private val PLAIN = ' '..'~'

        private const val BYTE_ORDER_MARK = '\uFEFF'

        const val NUMBER = "a number"
    }
}

private fun isSpace(c: Char) = c == ' ' || c == '\n' || c == '\r' || c == '\t'
