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
internal fun quote(text: String): String = "\"${escaped(text)}\""

/** [text] with the escapes that JSON demands in a string and no others. */
internal fun escaped(text: String): String {
    if (text.all { escapeOf(it) == null }) return text
    return buildString(text.length + ROOM_FOR_ESCAPES) { for (c in text) append(escapeOf(c) ?: c) }
}

private const val ROOM_FOR_ESCAPES = 16

/** How [c] has to be written in a string, or null if it may stand as it is. */
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
