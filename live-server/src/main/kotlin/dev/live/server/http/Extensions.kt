package dev.live.server.http

/**
 * One extension in a `Sec-WebSocket-Extensions` header.
 *
 * @property parameters names and values in their order; a value is null if there is none
 */
internal data class Extension(val name: String, val parameters: List<Pair<String, String?>>)

/**
 * Returns the extensions that [header] lists, in the client's order of preference; null if it violates the grammar of
 * RFC 6455, section 9.1. The unquoted form of a quoted value must be a token too. Never throws.
 */
internal fun parseExtensions(header: String): List<Extension>? = ExtensionParser(header).parse()

/**
 * Returns the response to the first acceptable offer of permessage-deflate in [offers]; null if there is none.
 *
 * The response demands that neither side keeps its window between messages. So all sessions can share a compressed
 * message, and an idle session needs no memory for compression. RFC 7692, section 7.1.1, permits this for all offers.
 * Some clients refuse `client_no_context_takeover` by default, such as those on Netty, and fail to connect.
 */
internal fun acceptDeflate(offers: List<Extension>): String? = offers.firstNotNullOfOrNull(::acceptOffer)

private fun acceptOffer(offer: Extension): String? {
    val parameters = offer.parameters.toMap()
    if (offer.name != DEFLATE || parameters.size < offer.parameters.size) return null // a repeated parameter
    if (parameters.any { (name, value) -> !isSupported(name, value) }) return null
    val window = if (SERVER_WINDOW in parameters) "; $SERVER_WINDOW=$MAX_WINDOW_BITS" else ""
    return "$DEFLATE; $SERVER_NO_TAKEOVER; $CLIENT_NO_TAKEOVER$window"
}

/**
 * An offer with another parameter or value must be declined (RFC 7692, section 7). `java.util.zip.Deflater` always uses
 * a window of 15 bits, so an offer that requires a smaller one is declined too. The client may use any window.
 */
private fun isSupported(parameter: String, value: String?): Boolean =
    when (parameter) {
        SERVER_NO_TAKEOVER, CLIENT_NO_TAKEOVER -> value == null
        SERVER_WINDOW -> value == MAX_WINDOW_BITS
        CLIENT_WINDOW -> value == null || value in WINDOW_BITS
        else -> false
    }

private const val DEFLATE = "permessage-deflate"
private const val SERVER_NO_TAKEOVER = "server_no_context_takeover"
private const val CLIENT_NO_TAKEOVER = "client_no_context_takeover"
private const val SERVER_WINDOW = "server_max_window_bits"
private const val CLIENT_WINDOW = "client_max_window_bits"
private const val MAX_WINDOW_BITS = "15"

/** Without leading zeros. */
private val WINDOW_BITS = (8..15).map { it.toString() }

/** Parses a list of extensions. Spaces and tabs may surround each separator, and elements may be empty. */
private class ExtensionParser(private val header: String) {
    private var next = 0

    fun parse(): List<Extension>? {
        val extensions = ArrayList<Extension>()
        while (true) {
            skipSpace()
            if (next < header.length && header[next] != ',') extensions += extension() ?: return null
            if (next == header.length) return extensions
            if (!skip(',')) return null
        }
    }

    private fun extension(): Extension? {
        val name = token() ?: return null
        val parameters = ArrayList<Pair<String, String?>>()
        while (skip(';')) {
            val parameter = token() ?: return null
            val value = if (skip('=')) value() ?: return null else null
            parameters += parameter to value
        }
        return Extension(name, parameters)
    }

    private fun value(): String? {
        if (next == header.length || header[next] != '"') return token()
        next++
        val value = StringBuilder()
        while (next < header.length && header[next] != '"') {
            if (header[next] == '\\') next++
            if (next < header.length) value.append(header[next++])
        }
        val isToken = value.isNotEmpty() && value.all(::isTokenCharacter)
        return if (skip('"') && isToken) value.toString() else null
    }

    private fun token(): String? {
        val start = next
        while (next < header.length && isTokenCharacter(header[next])) next++
        if (next == start) return null
        return header.substring(start, next).also { skipSpace() }
    }

    /** Skips [separator] and the space after it; returns false if another character follows. */
    private fun skip(separator: Char): Boolean {
        if (next == header.length || header[next] != separator) return false
        next++
        skipSpace()
        return true
    }

    private fun skipSpace() {
        while (next < header.length && (header[next] == ' ' || header[next] == '\t')) next++
    }

    /** RFC 9110, section 5.6.2. */
    private fun isTokenCharacter(c: Char): Boolean =
        c in 'a'..'z' || c in 'A'..'Z' || c in '0'..'9' || c in "!#$%&'*+-.^_`|~"
}
