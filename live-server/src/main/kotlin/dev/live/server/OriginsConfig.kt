package dev.live.server

import dev.live.server.limits.OriginPolicy
import io.ktor.utils.io.KtorDsl

/** Settings of the `origins { ... }` block. */
@KtorDsl
public class OriginsConfig internal constructor() {
    /** Whether pages of the server's own host may connect. */
    internal var isSameHostAllowed = true
        private set

    /** Whether pages of all origins may connect. */
    internal var isAnyAllowed = false
        private set

    /** Additional origins that may connect, normalized by [OriginPolicy]. */
    internal val listed: MutableSet<String> = mutableSetOf()

    /** Whether [listed] comes from a configuration file; origins allowed in code then replace it. */
    private var isFromFile = false

    /**
     * Whether pages of the server's own host may connect. Default true. The host is taken from the `Host` header, and
     * from the headers of a proxy if Ktor's `ForwardedHeaders` or `XForwardedHeaders` is installed.
     */
    public fun sameHost(allowed: Boolean = true) {
        isSameHostAllowed = allowed
    }

    /**
     * Allows pages of these [origins] to connect. An origin is written as `https://app.example.com`, with a port if it
     * is not the default. Pages inside native applications have other schemes, such as `capacitor://localhost`. The
     * origin `null` cannot be allowed, because pages of any site can have it. Adds to the origins allowed in code
     * before, and replaces the origins of a configuration file.
     *
     * @throws IllegalArgumentException if one of them is not an origin
     */
    public fun allow(vararg origins: String) {
        if (isFromFile) listed.clear()
        isFromFile = false
        add(origins.asList())
    }

    /**
     * Allows pages of all origins to connect. Any site can then act with the cookies of the user who visits it, so use
     * it only for endpoints that do not use cookies. False reverts it, for example if a configuration file sets it.
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
