package dev.live.client

/**
 * Validates a header when the application sets it. Otherwise some engines would reject it at each connection, with its
 * value in the error message. Other engines would send it in a form that the server reads as another header.
 *
 * @throws IllegalArgumentException if [name] or [value] is not valid in a header; the message does not contain the
 *   value
 */
internal fun requireHeader(name: String, value: String) {
    require(name.isNotEmpty()) { "header name must not be empty" }
    require(name.all { it in TOKEN }) {
        "header name must consist of letters, digits and ${TOKEN.filterNot { it.isLetterOrDigit() }}, was '$name'"
    }
    val invalid = value.indexOfFirst { it !in ' '..'~' && it != '\t' }
    require(invalid < 0) {
        "the value of header '$name' is not valid: character ${invalid + 1} of ${value.length} has code " +
            "${value[invalid].code}. Percent-encode the value or use base64."
    }
}

// RFC 9110, 5.6.2
private const val TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
