package dev.live.client

import io.ktor.http.Url

/**
 * Validates [url] part by part, because Ktor's errors do not name the invalid part, and Ktor silently repairs some
 * URLs that other programs interpret differently.
 *
 * Error messages name the part and the position. They quote only the scheme, and the port if the URL has no user
 * info. Any other part may contain a secret, if the URL is split at the wrong character, such as a '/' in a password.
 *
 * @throws IllegalArgumentException if [url] is not a WebSocket URL; the message names the invalid part
 */
internal fun requireWebSocketUrl(url: String) {
    val scheme = url.substringBefore("://", missingDelimiterValue = "")
    require(scheme.equals("ws", ignoreCase = true) || scheme.equals("wss", ignoreCase = true)) {
        "url must begin with ws:// or wss://, " + if (isScheme(scheme)) "was '$scheme://…'" else "but has no scheme"
    }
    require('#' !in url) {
        "url must not have a fragment, because it is never sent to a server. " +
            "Write '%23' for a '#' in the path or query."
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
        // Ktor's exceptions have no common type, and quote the whole URL
        throw IllegalArgumentException("url is not a valid URL")
    }
}

private fun isScheme(text: String): Boolean =
    text.isNotEmpty() && text.all { it in 'a'..'z' || it in 'A'..'Z' || it in '0'..'9' || it in "+-." }

private fun requireHostAndPort(url: String, text: String) {
    val isBracketed = text.startsWith('[')
    require(!isBracketed || ']' in text) { "the host of the url contains a '[' without a ']'" }
    val host = if (isBracketed) text.substringBefore(']') + "]" else text.substringBefore(':')
    // Ktor replaces a missing host with localhost
    require(host.isNotBlank()) { "url must contain a host" }
    if (!isBracketed) requireText("host", host)
    val invalid = host.indexOfFirst { it == ' ' || it.isISOControl() }
    require(invalid < 0) {
        "the host of the url contains a space or a control character at character ${invalid + 1} of the host"
    }
    val rest = text.removePrefix(host)
    if (rest.isEmpty()) return
    val port = rest.removePrefix(":")
    val isNumber = port.all { it in '0'..'9' }
    require(rest.startsWith(':') && isNumber && port.toIntOrNull() in PORTS) {
        "the port of the url must be a number from 1 to 65535" + if (isNumber && '@' !in url) ", was '$port'" else ""
    }
}

/** Rejects unpaired surrogates and invalid percent-encoding. */
private fun requireText(part: String, text: String) {
    val surrogate = indexOfUnpairedSurrogate(text)
    require(surrogate < 0) {
        "the $part of the url contains an unpaired surrogate at character ${surrogate + 1} of the $part"
    }
    var at = text.indexOf('%')
    while (at >= 0) {
        val end = endOfEscapes(part, text, at)
        requireUtf8(part, text, at, end)
        at = text.indexOf('%', end)
    }
}

/** The end of the consecutive escapes from [start]. */
private fun endOfEscapes(part: String, text: String, start: Int): Int {
    var at = start
    while (at < text.length && text[at] == '%') {
        val isEscape = at + 2 < text.length && text[at + 1].isHexDigit() && text[at + 2].isHexDigit()
        require(isEscape) {
            "the $part of the url contains a '%' without two hexadecimal digits after it, at character ${at + 1} of " +
                "the $part. Write '%25' for a percent sign."
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
        throw IllegalArgumentException("the $part of the url contains escapes that are not UTF-8, $where", e)
    }
}

/** The index of the first unpaired surrogate in [text], or -1. */
private fun indexOfUnpairedSurrogate(text: String): Int {
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
