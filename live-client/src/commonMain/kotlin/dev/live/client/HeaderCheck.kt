package dev.live.client

/**
 * Checks a header where the application sets it: engines reject it at every connection, some with its value in their
 * message, and others send what the server reads as another header.
 *
 * @throws IllegalArgumentException if a header may not have [name] or [value]; the message does not hold the value
 */
internal fun requireHeader(name: String, value: String) {
    require(name.isNotEmpty()) { "header name must not be empty" }
    require(name.all { it in TOKEN }) {
        "header name must have letters, digits and ${TOKEN.filterNot { it.isLetterOrDigit() }} only, was '$name'"
    }
    val wrong = value.indexOfFirst { it !in ' '..'~' && it != '\t' }
    require(wrong < 0) {
        "header '$name' has a value whose character ${wrong + 1} of ${value.length}, of code ${value[wrong].code}, " +
            "no header may have: percent-encode it, or use base64"
    }
}

// RFC 9110, 5.6.2
private const val TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
