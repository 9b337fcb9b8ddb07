package dev.live.protocol

/**
 * Describes why [text] is not the base64 form that the protocol requires, with a hint. Quotes at most one character.
 */
internal fun base64Problem(text: String): String {
    val end = text.trimEnd('=').length
    val at = (0 until end).firstOrNull { text[it] !in ALPHABET }
    return when {
        at != null -> "must be base64 (RFC 4648, section 4): character $at is ${named(text[at])}; $HINT"
        text.length % 4 != 0 ->
            "must be base64 with its padding (RFC 4648, section 4): ${text.length} characters are not a multiple of 4"
        else -> "must be base64 (RFC 4648, section 4): its last characters do not encode a whole byte"
    }
}

private fun named(char: Char): String {
    val code = "U+" + char.code.toString(16).uppercase().padStart(4, '0')
    return when (char) {
        '\n', '\r' -> "a line break ($code)"
        '-', '_' -> "'$char' of the URL-safe alphabet"
        in '!'..'~' -> "'$char'"
        else -> code
    }
}

private const val ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
private const val HINT = "use A-Z a-z 0-9 + / and no line breaks"
