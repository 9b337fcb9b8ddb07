package dev.live.server.limits

/**
 * Which web pages may connect: a browser says in `Origin` where a page came from, and sends its cookies along, so
 * without this check any page could act in the name of whoever reads it.
 *
 * Requests without `Origin` pass, unless the browser says in `Sec-Fetch-Site` that another site's page makes it load
 * what it asks for, such as an image: those have no `Origin`, and the cookies all the same.
 *
 * @property sameHost whether pages of the server's own host pass
 * @property listed origins that pass besides, as [normalize] writes them
 * @property any whether every page passes
 */
internal class OriginPolicy(private val sameHost: Boolean, private val listed: Set<String>, private val any: Boolean) {
    /**
     * Whether a page from [origin] may connect to the server that the request called [host].
     *
     * @param site what `Sec-Fetch-Site` says; null where it is not there
     */
    fun allows(origin: String?, host: String?, site: String? = null): Boolean {
        if (any) return true
        if (origin == null) return site !in OTHER_SITES
        val page = normalize(origin) ?: return false
        return page in listed || (sameHost && host != null && isSame(page, host))
    }

    /** The request's `Host` has no scheme: where it names no port, the default port of the page's scheme is meant. */
    private fun isSame(page: String, host: String): Boolean {
        val scheme = page.substringBefore("://")
        // an application's own scheme, such as capacitor://localhost, is not served by this server
        return scheme in DEFAULT_PORTS && normalize("$scheme://$host") == page
    }

    companion object {
        /** `same-site` is everybody on the same domain. */
        private val OTHER_SITES = setOf("cross-site", "same-site")

        private val DEFAULT_PORTS = mapOf("http" to "80", "https" to "443")

        private val SHAPE =
            Regex("""([a-z][a-z0-9+.-]*)://([^/?#@\s:*]+|\[[0-9a-f:.]+])(?::(\d{1,5}))?""", RegexOption.IGNORE_CASE)

        /**
         * [origin] in lower case, with the default port where its scheme has one and it names none; null if it is not
         * `scheme://host` with or without a port. Schemes other than http and https are those of applications that show
         * pages: Capacitor, Ionic, Tauri, browser extensions.
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
