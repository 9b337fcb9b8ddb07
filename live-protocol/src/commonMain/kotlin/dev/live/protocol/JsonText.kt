package dev.live.protocol

/** The JSON value in [text], compact; see [Body.json] for what is refused. */
internal fun compactJson(text: String, limits: DecodeLimits): String = JsonScanner(text, limits.maxDepth).document()

/** The characters that the string content at [from] until [to] of [text] stands for. Its escapes must be valid. */
internal fun unescape(text: String, from: Int, to: Int): String {
    val result = StringBuilder(to - from)
    var i = from
    while (i < to) {
        val c = text[i++]
        if (c != '\\') {
            result.append(c)
            continue
        }
        when (val escaped = text[i++]) {
            'b' -> result.append('\b')
            'f' -> result.append('\u000c')
            'n' -> result.append('\n')
            'r' -> result.append('\r')
            't' -> result.append('\t')
            'u' -> {
                result.append((i until i + 4).fold(0) { code, at -> code * 16 + hexDigit(text[at]) }.toChar())
                i += 4
            }
            else -> result.append(escaped)
        }
    }
    return result.toString()
}

/** [text] in quotes, with the escapes that JSON demands and no others. */
internal fun quote(text: String): String =
    buildString(text.length + 2) {
        append('"')
        for (c in text) {
            when (c) {
                '"', '\\' -> append('\\').append(c)
                '\b' -> append("\\b")
                '\u000c' -> append("\\f")
                '\n' -> append("\\n")
                '\r' -> append("\\r")
                '\t' -> append("\\t")
                else -> if (c < ' ') append("\\u00").append(c.code.toString(16).padStart(2, '0')) else append(c)
            }
        }
        append('"')
    }

/** The value of the hexadecimal digit [c], or -1. */
internal fun hexDigit(c: Char): Int =
    when (c) {
        in '0'..'9' -> c - '0'
        in 'a'..'f' -> c - 'a' + 10
        in 'A'..'F' -> c - 'A' + 10
        else -> -1
    }
