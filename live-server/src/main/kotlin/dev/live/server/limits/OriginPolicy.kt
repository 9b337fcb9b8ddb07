package dev.live.server.limits

/**
 * Decides which web pages may connect, by the `Origin` header of the browser. The browser also sends cookies, so
 * without this check any page could act with the cookies of the user who visits it.
 *
 * Requests without `Origin` are allowed, unless `Sec-Fetch-Site` shows that a page of another site caused them. Such
 * requests, for example for an image, have no `Origin` but carry cookies.
 *
 * @property sameHost whether pages of the server's own host are allowed
 * @property listed additional allowed origins, in the form returned by [normalize]
 * @property any whether pages of all origins are allowed
 */
internal class OriginPolicy(private val sameHost: Boolean, private val listed: Set<String>, private val any: Boolean) {
    /**
     * Whether a page from [origin] may send a request to [host].
     *
     * @param site value of `Sec-Fetch-Site`; null if it is missing
     */
    fun allows(origin: String?, host: String?, site: String? = null): Boolean {
        if (any) return true
        if (origin == null) return site !in OTHER_SITES
        val page = normalize(origin) ?: return false
        return page in listed || (sameHost && host != null && isSame(page, host))
    }

    /** `Host` has no scheme: without a port, it means the default port of the page's scheme. */
    private fun isSame(page: String, host: String): Boolean {
        val scheme = page.substringBefore("://")
        // Pages with other schemes, such as capacitor://localhost, do not come from this server.
        return scheme in DEFAULT_PORTS && normalize("$scheme://$host") == page
    }

    companion object {
        /** Includes `same-site`, which means another host of the same domain. */
        private val OTHER_SITES = setOf("cross-site", "same-site")

        private val DEFAULT_PORTS = mapOf("http" to "80", "https" to "443")

        private val SHAPE =
            Regex("""([a-z][a-z0-9+.-]*)://([^/?#@\s:*]+|\[[0-9a-f:.]+])(?::(\d{1,5}))?""", RegexOption.IGNORE_CASE)

        /**
         * Returns [origin] in lower case with an explicit port, if its scheme has a default port. Returns null if it is
         * not `scheme://host` with or without a port. Schemes other than http and https belong to applications that
         * display pages: Capacitor, Ionic, Tauri, browser extensions.
         */
        fun normalize(origin: String): String? {
            val (scheme, host, port) = SHAPE.matchEntire(origin)?.destructured ?: return null
            val plain = scheme.lowercase()
            val page = "$plain://${host.lowercase()}"
            val number = port.ifEmpty { DEFAULT_PORTS[plain] ?: return page }
            return "$page:$number"
        }
    }
}
