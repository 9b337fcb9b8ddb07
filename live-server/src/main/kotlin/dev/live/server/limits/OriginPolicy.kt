package dev.live.server.limits

/**
 * Which web pages may connect: a browser says in `Origin` where a page came from, and sends its cookies along, so
 * without this check any page could act in the name of whoever reads it.
 *
 * Requests without `Origin` do not come from a page and pass.
 *
 * @property sameHost whether pages of the server's own host pass
 * @property listed origins that pass besides, as [normalize] writes them
 * @property any whether every page passes
 */
internal class OriginPolicy(private val sameHost: Boolean, private val listed: Set<String>, private val any: Boolean) {
    /** Whether a page from [origin] may connect to the server that the request called [host]. */
    fun allows(origin: String?, host: String?): Boolean {
        if (origin == null || any) return true
        val page = normalize(origin) ?: return false
        return page in listed || (sameHost && host != null && isSame(page, host))
    }

    /** The request's `Host` has no scheme: where it names no port, the default port of the page's scheme is meant. */
    private fun isSame(page: String, host: String): Boolean {
        val scheme = page.substringBefore("://")
        return normalize("$scheme://$host") == page
    }

    companion object {
        private val SHAPE =
            Regex("""(https?)://([^/?#@\s:]+|\[[0-9a-fA-F:.]+])(?::(\d{1,5}))?""", RegexOption.IGNORE_CASE)

        /** [origin] in lower case and with its port, or null if it is not `http(s)://host` with or without a port. */
        fun normalize(origin: String): String? {
            val (scheme, host, port) = SHAPE.matchEntire(origin)?.destructured ?: return null
            val plain = scheme.lowercase()
            return "$plain://${host.lowercase()}:${port.ifEmpty { if (plain == "https") "443" else "80" }}"
        }
    }
}
