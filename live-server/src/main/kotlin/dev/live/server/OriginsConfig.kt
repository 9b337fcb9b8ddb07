package dev.live.server

import dev.live.server.limits.OriginPolicy
import io.ktor.utils.io.KtorDsl

/** What `origins { ... }` can set. */
@KtorDsl
public class OriginsConfig internal constructor() {
    /** Whether pages of the server's own host may connect. */
    internal var isSameHostAllowed = true
        private set

    /** Whether every page may. */
    internal var isAnyAllowed = false
        private set

    /** Origins that may connect besides, as [OriginPolicy] writes them. */
    internal val listed: MutableSet<String> = mutableSetOf()

    /** Whether what is [listed] comes from a configuration file: then it gives way to what the code lists. */
    private var isFromFile = false

    /**
     * Whether pages of the server's own host may connect. Default true. The host is the one that the request names, and the
     * one that a proxy names where Ktor's `ForwardedHeaders` or `XForwardedHeaders` is installed.
     */
    public fun sameHost(allowed: Boolean = true) {
        isSameHostAllowed = allowed
    }

    /**
     * Lets pages from [origins] connect, each such as `https://app.example.com`, with a port where it is not the default.
     * Pages within applications have schemes of their own, such as `capacitor://localhost`. The origin `null` cannot be
     * allowed: pages of any site can have it. Adds to what was allowed in code before, and replaces what a configuration
     * file allows.
     *
     * @throws IllegalArgumentException if one is not an origin
     */
    public fun allow(vararg origins: String) {
        if (isFromFile) listed.clear()
        isFromFile = false
        add(origins.asList())
    }

    /**
     * Lets every page connect, in the name of whoever reads it: only for endpoints that do without cookies. False takes
     * that back, for instance where a configuration file says it.
     */
    public fun allowAny(allowed: Boolean = true) {
        isAnyAllowed = allowed
    }

    internal fun allowInFile(origins: Collection<String>) {
        isFromFile = true
        add(origins)
    }

    private fun add(origins: Collection<String>) {
        for (origin in origins) {
            listed += requireNotNull(OriginPolicy.normalize(origin)) {
                "an origin must be like 'https://app.example.com' or 'capacitor://localhost', was '$origin'"
            }
        }
    }

    internal fun build(): OriginPolicy = OriginPolicy(isSameHostAllowed, listed.toSet(), isAnyAllowed)
}
