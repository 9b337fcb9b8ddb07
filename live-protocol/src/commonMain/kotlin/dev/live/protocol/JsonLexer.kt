package dev.live.protocol

/**
 * Reads the tokens of JSON text by the letter of RFC 8259, and keeps the compact form of a value while it is told to.
 *
 * What a token reads it has also checked. Not thread-safe; one instance reads one text.
 */
internal abstract class JsonLexer(protected val text: String, protected val isLenient: Boolean) {
    protected var at = 0

    /** What of the value being cut out is not copied from [text] as it stands; null while all of it is. */
    private var compact: StringBuilder? = null

    /** Where the part of the value begins that is not in [compact] yet, or -1 while nothing is cut out. */
    protected var pending = -1
        private set

    /** What a reason is about. */
    protected abstract val subject: String

    /** Where reading goes on, in characters. */
    val position: Int get() = at

    /** The character that comes next, white space left out, or [END]. */
    fun peek(): Char {
        val start = at
        while (at < text.length && isSpace(text[at])) at++
        if (at > start && pending >= 0) replace(start, at, "")
        return charAt(at)
    }

    /** What the value begins with that comes next. */
    protected fun kind(): String =
        when (val c = peek()) {
            '{' -> "an object"
            '[' -> "an array"
            '"' -> "a string"
            't', 'f' -> "a boolean"
            'n' -> "null"
            '-', in '0'..'9' -> NUMBER
            BYTE_ORDER_MARK -> fail("a byte order mark comes first; leave it out")
            else -> fail(if (c == END && at >= text.length) "it ends too early" else "a value is expected")
        }

    protected fun startCompact() {
        peek()
        pending = at
        compact = null
    }

    /** The compact form of what was read since [startCompact]. */
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

    /** Reads a string, in its fewest escapes if a value is being cut out. True if it has escapes. */
    protected fun string(): Boolean {
        val start = at++
        var hasEscapes = false
        var isCompact = true
        while (true) {
            val c = if (at < text.length) text[at] else fail("a string does not end")
            when {
                c in PLAIN && c != '"' && c != '\\' -> at++ // nearly always
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
        if (!isPair && !isLenient) fail("half of a surrogate pair")
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
        val target = compact ?: StringBuilder(from - pending + FEW).also { compact = it }
        target.append(text, pending, from).append(with)
        pending = to
    }

    /** The character at [index], or [END] past the end. */
    private fun charAt(index: Int): Char = if (index < text.length) text[index] else END

    protected fun fail(problem: String): Nothing =
        throw MalformedMessageException("$subject is not valid JSON at character $at: $problem")

    protected companion object {
        /** Not all that is left of the text: a value in it may be short, and such values many. */
        private const val FEW = 64

        /** Also the character NUL, which is refused wherever it stands. */
        const val END = '\u0000'

        private val PLAIN = ' '..'~'

        private const val BYTE_ORDER_MARK = '\uFEFF'

        const val NUMBER = "a number"
    }
}

private fun isSpace(c: Char) = c == ' ' || c == '\n' || c == '\r' || c == '\t'
