package dev.live.server.limits

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe

class OriginPolicyTest : FunSpec({

    context("pages of the server's own host") {
        for ((origin, host, allowed) in sameHost) {
            test("$origin at $host: ${if (allowed) "allowed" else "rejected"}") {
                OriginPolicy(sameHost = true, emptySet(), any = false).allows(origin, host) shouldBe allowed
            }
        }
    }

    for (site in listOf(null, "same-origin", "none", "cross-site", "same-site")) {
        val isAllowed = site == null || !site.endsWith("-site")

        test("a request without Origin is allowed unless Sec-Fetch-Site names another site: $site") {
            val policy = OriginPolicy(sameHost = true, listed("https://app.example.com"), any = false)

            policy.allows(origin = null, host = "example.com", site) shouldBe isAllowed
            policy.allows("https://app.example.com", host = "example.com", site) shouldBe true
            OriginPolicy(sameHost = false, emptySet(), any = true).allows(null, "example.com", site) shouldBe true
        }
    }

    context("pages of listed origins") {
        val policy =
            OriginPolicy(sameHost = false, listed("https://app.example.com", "http://localhost:3000"), any = false)
        for ((origin, allowed) in listedOrigins) {
            test("$origin: ${if (allowed) "allowed" else "rejected"}") {
                policy.allows(origin, host = "server.net") shouldBe
                    allowed
            }
        }
    }

    test("an origin with an application scheme is allowed only if listed") {
        val policy = OriginPolicy(sameHost = true, listed("capacitor://localhost", "tauri://localhost"), any = false)

        policy.allows("capacitor://localhost", host = "example.com") shouldBe true
        policy.allows("tauri://localhost", host = "example.com") shouldBe true
        policy.allows("capacitor://localhost:1", host = "example.com") shouldBe false
        policy.allows("ionic://localhost", host = "localhost") shouldBe false
        policy.allows("null", host = "localhost") shouldBe false
    }

    test("a request without Origin is allowed") {
        OriginPolicy(sameHost = false, emptySet(), any = false).allows(origin = null, host = "example.com") shouldBe
            true
    }

    test("without a host only listed origins are allowed") {
        val policy = OriginPolicy(sameHost = true, listed("https://app.example.com"), any = false)

        policy.allows("https://example.com", host = null) shouldBe false
        policy.allows("https://app.example.com", host = null) shouldBe true
    }

    test("with any = true every origin is allowed") {
        val policy = OriginPolicy(sameHost = false, emptySet(), any = true)

        for (origin in listOf("https://evil.org", "null", "nonsense")) {
            policy.allows(origin, "example.com") shouldBe
                true
        }
    }

    test("an origin is normalized to lower case with its port") {
        for ((origin, normal) in listOf(
            "https://Example.COM" to "https://example.com:443",
            "HTTP://example.com" to "http://example.com:80",
            "http://example.com:8080" to "http://example.com:8080",
            "https://[::1]" to "https://[::1]:443",
            "https://[2001:DB8::1]:8443" to "https://[2001:db8::1]:8443",
            "capacitor://localhost" to "capacitor://localhost",
            "Ionic://LocalHost:8100" to "ionic://localhost:8100",
            "tauri://localhost" to "tauri://localhost",
            "chrome-extension://abcdefghijklmnop" to "chrome-extension://abcdefghijklmnop",
            "moz-extension://5B3f-22" to "moz-extension://5b3f-22",
        )) {
            OriginPolicy.normalize(origin) shouldBe normal
        }
    }

    test("text that is not scheme, host and port is not an origin") {
        for (text in listOf(
            "",
            "null",
            "example.com",
            "//example.com",
            "://example.com",
            "1scheme://example.com",
            "capacitor://",
            "capacitor://local host",
            "capacitor://localhost/",
            "file:///index.html",
            "https://*",
            "https://",
            "https://example.com/",
            "https://example.com/path",
            "https://example.com?q",
            "https://example.com#f",
            "https://user@example.com",
            "https://user:pw@example.com",
            "https://example.com:",
            "https://example.com:port",
            "https://example.com:123456",
            "https://exa mple.com",
            " https://example.com",
            "https://example.com\n",
            "https://[::1",
            "https://*:x",
        )) {
            OriginPolicy.normalize(text).shouldBeNull()
        }
    }
})

private fun listed(vararg origins: String): Set<String> = origins.map { OriginPolicy.normalize(it)!! }.toSet()

private val sameHost =
    listOf(
        Triple("https://example.com", "example.com", true),
        Triple("http://example.com", "example.com", true),
        Triple("https://EXAMPLE.com", "Example.Com", true),
        Triple("https://example.com:443", "example.com", true),
        Triple("https://example.com", "example.com:443", true),
        Triple("http://example.com", "example.com:443", false),
        Triple("http://localhost:8080", "localhost:8080", true),
        Triple("http://localhost:8080", "localhost:8081", false),
        Triple("http://localhost", "localhost:8080", false),
        Triple("http://127.0.0.1:8080", "127.0.0.1:8080", true),
        Triple("http://[::1]:8080", "[::1]:8080", true),
        Triple("http://[::1]:8080", "[::2]:8080", false),
        Triple("https://[2001:DB8::1]", "[2001:db8::1]", true),
        Triple("https://example.com.evil.org", "example.com", false),
        Triple("https://evil-example.com", "example.com", false),
        Triple("https://sub.example.com", "example.com", false),
        Triple("https://example.com", "sub.example.com", false),
        Triple("https://example.comevil.org", "example.com", false),
        Triple("https://example.com@evil.org", "example.com", false),
        Triple("https://example.com:pw@evil.org", "example.com", false),
        Triple("https://evil.org/example.com", "example.com", false),
        Triple("https://evil.org?example.com", "example.com", false),
        Triple("https://evil.org#example.com", "example.com", false),
        Triple("https://example.com.", "example.com", false),
        Triple("ftp://example.com", "example.com", false),
        Triple("file://", "example.com", false),
        Triple("null", "null", false),
        Triple("null", "example.com", false),
        Triple("", "example.com", false),
        Triple("https://example.com https://evil.org", "example.com", false),
        Triple("https://evil.org", "", false),
    )

private val listedOrigins =
    listOf(
        "https://app.example.com" to true,
        "https://APP.example.com:443" to true,
        "http://localhost:3000" to true,
        "http://app.example.com" to false,
        "https://app.example.com:8443" to false,
        "http://localhost" to false,
        "https://localhost:3000" to false,
        "https://app.example.com.evil.org" to false,
        "https://xapp.example.com" to false,
        "https://app.example.com@evil.org" to false,
        "https://server.net" to false,
        "null" to false,
    )
