package dev.live.protocol

/** The compact form of the JSON value in [text]. Rejects the same input as [Body.json]. */
internal fun compactJson(text: String, limits: DecodeLimits): String = JsonScanner(text, limits.maxDepth).document()

/** Unescapes the string content of [text] from [from] until [to]. Its escapes must be valid. */
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

/** [text] in quotes, with only the escapes that JSON requires. */
internal fun quote(text: String): String = "\"${escaped(text)}\""

/** [text] with only the escapes that JSON requires in a string. */
internal fun escaped(text: String): String {
    if (text.all { escapeOf(it) == null }) return text
    return buildString(text.length + ESCAPES_CAPACITY) { for (c in text) append(escapeOf(c) ?: c) }
}

private const val ESCAPES_CAPACITY = 16

/** The escape that [c] requires in a string, or null for none. */
private fun escapeOf(c: Char): String? =
    when {
        c == '"' -> "\\\""
        c == '\\' -> "\\\\"
        c >= ' ' -> null
        c == '\b' -> "\\b"
        c == '\u000c' -> "\\f"
        c == '\n' -> "\\n"
        c == '\r' -> "\\r"
        c == '\t' -> "\\t"
        else -> "\\u00" + c.code.toString(16).padStart(2, '0')
    }

/** The value of the hexadecimal digit [c], or -1. */
internal fun hexDigit(c: Char): Int =
    when (c) {
        in '0'..'9' -> c - '0'
        in 'a'..'f' -> c - 'a' + 10
        in 'A'..'F' -> c - 'A' + 10
        else -> -1
    }
