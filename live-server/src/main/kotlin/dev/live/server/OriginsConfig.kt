package dev.live.server

import dev.live.server.config.Check
import dev.live.server.config.Notation
import dev.live.server.config.SettingBlock
import dev.live.server.limits.OriginPolicy
import io.ktor.utils.io.KtorDsl

/** Settings of the `origins { ... }` block. */
@KtorDsl
public class OriginsConfig internal constructor() {
    internal val settings = SettingBlock("origins")

    private var isSameHostAllowed: Boolean by settings.setting(
        Notation.Flag,
        true,
        Check.None,
        "allows pages of the server's own host",
        name = "sameHost",
    )

    /** Additional origins that may connect, normalized by [OriginPolicy]. */
    private var listed: List<String> by settings.setting(
        originList,
        emptyList(),
        Check.None,
        "allowed origins of other pages",
        name = "allow",
    )

    private var isAnyAllowed: Boolean by settings.setting(
        Notation.Flag,
        false,
        Check.None,
        "allows every page: only if the application does not authenticate by cookies",
        name = "allowAny",
    )

    private val allowedInCode = mutableListOf<String>()

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
        allowedInCode += origins.map(::normalized)
        listed = allowedInCode.toList() // without the origins of the configuration file
    }

    /**
     * Allows pages of all origins to connect. Any site can then act with the cookies of the user who visits it, so use
     * it only for endpoints that do not use cookies. False reverts it, for example if a configuration file sets it.
     */
    public fun allowAny(allowed: Boolean = true) {
        isAnyAllowed = allowed
    }

    internal fun build(): OriginPolicy = OriginPolicy(isSameHostAllowed, listed.toSet(), isAnyAllowed)
}

private val originList: Notation<List<String>> =
    Notation.list(
        "origins such as `https://app.example.com`, `capacitor://localhost`",
        write = { it },
        element = ::normalized,
    )

private fun normalized(origin: String): String =
    requireNotNull(OriginPolicy.normalize(origin)) {
        "an origin must be like 'https://app.example.com' or 'capacitor://localhost', was '$origin'"
    }
