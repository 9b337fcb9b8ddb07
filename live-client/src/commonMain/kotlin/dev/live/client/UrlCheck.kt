package dev.live.client

import io.ktor.http.Url

/**
 * Checks [url] part by part: Ktor's own errors name none, and it repairs silently what another program meant differently.
 * Messages name the part and the place. They quote only the scheme, and a port if the URL has no user info: a URL that is
 * cut in the wrong place, such as at a '/' in a password, may show a secret as any other part.
 *
 * @throws IllegalArgumentException if it is not the URL of a WebSocket; the message names the part
 */
internal fun requireWebSocketUrl(url: String) {
    val scheme = url.substringBefore("://", missingDelimiterValue = "")
    require(scheme.equals("ws", ignoreCase = true) || scheme.equals("wss", ignoreCase = true)) {
        "url must begin with ws:// or wss://, " + if (isScheme(scheme)) "was '$scheme://…'" else "but has no scheme"
    }
    require('#' !in url) {
        "the url must have no fragment, which no server gets: write '%23' for a '#' in its path or query"
    }
    val hierarchy = url.substringAfter("://").substringBefore('?')
    val authority = hierarchy.substringBefore('/')
    requireText("user info", authority.substringBeforeLast('@', missingDelimiterValue = ""))
    requireHostAndPort(url, authority.substringAfterLast('@'))
    requireText("path", hierarchy.removePrefix(authority))
    requireText("query", url.substringAfter('?', missingDelimiterValue = ""))
    try {
        Url(url)
    } catch (_: Exception) {
        // Ktor's exceptions have no type in common, and quote the whole URL
        throw IllegalArgumentException("url is not a URL")
    }
}

private fun isScheme(text: String): Boolean =
    text.isNotEmpty() && text.all { it in 'a'..'z' || it in 'A'..'Z' || it in '0'..'9' || it in "+-." }

private fun requireHostAndPort(url: String, text: String) {
    val isBracketed = text.startsWith('[')
    require(!isBracketed || ']' in text) { "the host of the url has a '[' without a ']'" }
    val host = if (isBracketed) text.substringBefore(']') + "]" else text.substringBefore(':')
    // Ktor reads a missing host as localhost
    require(host.isNotBlank()) { "url must name a host" }
    if (!isBracketed) requireText("host", host)
    val wrong = host.indexOfFirst { it == ' ' || it.isISOControl() }
    require(wrong < 0) {
        "the host of the url has a space or a control character, at character ${wrong + 1} of the host"
    }
    val rest = text.removePrefix(host)
    if (rest.isEmpty()) return
    val port = rest.removePrefix(":")
    val isNumber = port.all { it in '0'..'9' }
    require(rest.startsWith(':') && isNumber && port.toIntOrNull() in PORTS) {
        "the port of the url must be a number from 1 to 65535" + if (isNumber && '@' !in url) ", was '$port'" else ""
    }
}

/** Refuses what UTF-8 or percent-encoding cannot say. */
private fun requireText(part: String, text: String) {
    val half = indexOfHalfPair(text)
    require(half < 0) { "the $part of the url holds half of a surrogate pair, at character ${half + 1} of the $part" }
    var at = text.indexOf('%')
    while (at >= 0) {
        val end = endOfEscapes(part, text, at)
        requireUtf8(part, text, at, end)
        at = text.indexOf('%', end)
    }
}

/** Where the escapes that follow each other from [start] end. */
private fun endOfEscapes(part: String, text: String, start: Int): Int {
    var at = start
    while (at < text.length && text[at] == '%') {
        val isEscape = at + 2 < text.length && text[at + 1].isHexDigit() && text[at + 2].isHexDigit()
        require(isEscape) {
            "the $part of the url has a '%' that two hexadecimal digits do not follow, at character ${at + 1} of the " +
                "$part: write '%25' for a percent sign"
        }
        at += ESCAPE_LENGTH
    }
    return at
}

private fun requireUtf8(part: String, text: String, start: Int, end: Int) {
    val bytes =
        ByteArray((end - start) / ESCAPE_LENGTH) { n ->
            val at = start + n * ESCAPE_LENGTH
            text.substring(at + 1, at + ESCAPE_LENGTH).toInt(radix = 16).toByte()
        }
    try {
        bytes.decodeToString(throwOnInvalidSequence = true)
    } catch (e: CharacterCodingException) {
        val where = "from character ${start + 1} of the $part"
        throw IllegalArgumentException("the $part of the url has escapes that are not UTF-8, $where", e)
    }
}

/** Where [text] has a surrogate without its other half, or -1. */
private fun indexOfHalfPair(text: String): Int {
    var i = 0
    while (i < text.length) {
        when {
            !text[i].isSurrogate() -> i++
            text[i].isHighSurrogate() && i + 1 < text.length && text[i + 1].isLowSurrogate() -> i += 2
            else -> return i
        }
    }
    return -1
}

private fun Char.isHexDigit(): Boolean = this in '0'..'9' || this in 'a'..'f' || this in 'A'..'F'

private val PORTS = 1..65535
private const val ESCAPE_LENGTH = 3
