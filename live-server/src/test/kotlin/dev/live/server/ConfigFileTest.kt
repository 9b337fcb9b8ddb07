package dev.live.server

import com.typesafe.config.ConfigFactory
import dev.live.protocol.CborCodec
import dev.live.protocol.JsonCodec
import dev.live.server.support.PlainClient
import dev.live.server.support.withServer
import dev.live.server.transport.Transport
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContain
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.string
import io.kotest.property.checkAll
import io.ktor.server.application.install
import io.ktor.server.config.ApplicationConfig
import io.ktor.server.config.HoconApplicationConfig
import io.ktor.server.config.MapApplicationConfig
import io.ktor.server.config.mergeWith
import io.ktor.server.routing.routing
import io.ktor.server.testing.testApplication
import kotlin.math.abs
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

class ConfigFileTest : FunSpec({

    test("values in a config file are applied to the settings") {
        val settings =
            settings(
                "transport" to "Portable",
                "codecs" to "cbor, json",
                "session.queueCapacity" to "7",
                "session.onOverflow" to "close",
                "session.writeTimeout" to "1m 30s",
                "heartbeat.interval" to "500ms",
                "topics.linger" to "0s",
                "limits.maxConnections" to "unlimited",
                "limits.maxSessionsPerUser" to "3",
                "origins.sameHost" to "false",
                "origins.allow" to "https://a.com, https://b.com",
                "drain.reconnectWindow" to "1s .. 2s",
            )

        settings.transport shouldBe Transport.Portable
        settings.dialects.subprotocols shouldBe listOf(CborCodec.subprotocol, JsonCodec.subprotocol)
        settings.session.run { listOf(queueBound.messages, writeTimeout) } shouldBe listOf(7, 90.seconds)
        settings.session.heartbeatInterval shouldBe 500.milliseconds
        settings.topicLinger shouldBe Duration.ZERO
        settings.limits.run { listOf(maxConnections, maxSessionsPerUser) } shouldBe listOf(Int.MAX_VALUE, 3)
        settings.limits.origins.allows("https://b.com", host = "c.com") shouldBe true
        settings.limits.origins.allows("https://c.com", host = "c.com") shouldBe false
        settings.session.reconnectWindow shouldBe 1.seconds..2.seconds
    }

    test("missing keys keep their defaults") {
        settings("session.maxTopics" to "7").session.queueBound.messages shouldBe 256
    }

    test("a list setting may be a list in the file") {
        val file = MapApplicationConfig().apply { put("live.origins.allow", listOf("https://a.com", "https://b.com")) }

        val origins = liveConfigOf(file.config("live")).build().limits.origins

        origins.allows("https://b.com", host = null) shouldBe true
    }

    context("code overrides the file") {
        test("for one value") {
            installed("session.queueCapacity" to "7", "session.maxTopics" to "8") {
                session { queueCapacity = 9 }
            }.session.run { listOf(queueBound.messages, maxTopics) } shouldBe listOf(9, 8)
        }

        test("for a value equal to the default") {
            installed("transport" to "portable") { transport = Transport.Auto }.transport shouldBe Transport.Auto
        }

        test("for a list as a whole") {
            val settings =
                installed("origins.allow" to "https://file.com", "codecs" to "cbor") {
                    codecs(JsonCodec)
                    origins {
                        allow("https://one.com")
                        allow("https://two.com")
                    }
                }

            settings.dialects.subprotocols shouldBe listOf(JsonCodec.subprotocol)
            listOf("https://one.com", "https://two.com", "https://file.com")
                .map { settings.limits.origins.allows(it, host = null) } shouldBe listOf(true, true, false)
        }

        test("for allowAny(false)") {
            installed("origins.allowAny" to "true") { origins { allowAny(false) } }
                .limits.origins.allows("https://evil.com", host = "a.com") shouldBe false
        }
    }

    context("an unknown key is an error that suggests the nearest setting") {
        for ((wrong, near) in listOf(
            "session.queueCapcity" to "session.queueCapacity",
            "session.queue-capacity" to "session.queueCapacity",
            "session.QUEUECAPACITY" to "session.queueCapacity",
            "queueCapacity" to "session.queueCapacity",
            "limits.queueCapacity" to "session.queueCapacity",
            "sesion.writeTimeout" to "session.writeTimeout",
            "codec" to "codecs",
            "session" to "session.queueCapacity",
            "session.queueCapacity.max" to "session.queueCapacity",
            "drain.reconectWindow" to "drain.reconnectWindow",
        )) {
            test(wrong) {
                failure(wrong to "1") shouldBe "Unknown setting 'live.$wrong'. Did you mean 'live.$near'?"
            }
        }

        test("several unknown keys are reported together") {
            failure("codec" to "json", "transprt" to "auto", "session.maxTopics" to "1") shouldBe
                "Unknown setting 'live.codec'. Did you mean 'live.codecs'? " +
                "Unknown setting 'live.transprt'. Did you mean 'live.transport'?"
        }
    }

    context("an invalid value is an error that contains its key") {
        for ((key, value, message) in listOf(
            Triple("session.queueCapacity", "many", "must be a whole number, was 'many'"),
            Triple("session.queueCapacity", "", "must be a whole number, was ''"),
            Triple("session.queueCapacity", "9999999999", "must be a whole number, was '9999999999'"),
            Triple("session.queueCapacity", "0", "queueCapacity must be at least 1 message, was 0"),
            Triple("limits.maxConnections", "none", "must be a whole number or 'unlimited', was 'none'"),
            Triple(
                "session.writeTimeout",
                "10",
                "must be a duration such as '10s', '500ms' or '1m 30s', was '10'",
            ),
            Triple("session.writeTimeout", "1ms", "writeTimeout must be at least 100ms, was 1ms"),
            Triple("session.onOverflow", "wait", "onOverflow must be one of 'close', was 'wait'"),
            Triple("transport", "fast", "transport must be one of 'auto', 'portable', was 'fast'"),
            Triple("codecs", "json, xml", "a codec must be one of 'json', 'cbor', 'msgpack', was 'xml'"),
            Triple("codecs", "json,json", "codec 'live.v1.json' is added twice"),
            Triple("codecs", "", "Live has no codec. Add at least one, such as codecs(JsonCodec)."),
            Triple("origins.sameHost", "yes", "must be true or false, was 'yes'"),
            Triple(
                "origins.allow",
                "a.com",
                "an origin must be like 'https://app.example.com' or 'capacitor://localhost', was 'a.com'",
            ),
            Triple("drain.reconnectWindow", "5s", "must be two durations such as '0s..5s', was '5s'"),
            Triple("drain.reconnectWindow", "5s..x", "must be two durations such as '0s..5s', was '5s..x'"),
            Triple("drain.reconnectWindow", "5s..1s", "reconnectWindow must not be empty or negative, was 5s..1s"),
        )) {
            test("$key: '$value'") {
                failure(key to value) shouldBe "live.$key: $message"
            }
        }
    }

    test("a value in place of the section is an error") {
        installFailure(MapApplicationConfig("live" to "portable")) shouldBe
            "live: must be a section that contains settings, such as live.transport"
    }

    test("a configuration error prevents the application from starting") {
        installFailure(MapApplicationConfig("live.transport" to "fast")) shouldBe
            "live.transport: transport must be one of 'auto', 'portable', was 'fast'"
    }

    test("HOCON is supported, and a merged config overrides it") {
        val file =
            hocon("""live { session.queueCapacity = 7, codecs = [json], drain { reconnectWindow = "0s..1s" } }""")

        val merged = file.mergeWith(MapApplicationConfig("live.session.queueCapacity" to "8"))
        val settings = liveConfigOf(merged.config("live")).build()

        settings.session.queueBound.messages shouldBe 8
        settings.dialects.subprotocols.size shouldBe 1
        settings.session.reconnectWindow shouldBe Duration.ZERO..1.seconds
    }

    test("system properties of other programs that start with 'live.' are not read as settings") {
        withProperty("live.tests.required", "false") {
            val file = HoconApplicationConfig(ConfigFactory.load(ConfigFactory.parseString("live.transport = auto")))

            file.keys() shouldContain "live.tests.required"
            liveConfigOf(file.config("live")).transport shouldBe Transport.Auto
        }
    }

    test("a system property under a section of live is read as a setting") {
        withProperty("live.session.maxTopcs", "7") {
            val file = HoconApplicationConfig(ConfigFactory.load(ConfigFactory.parseString("live.transport = auto")))

            shouldThrow<IllegalArgumentException> { liveConfigOf(file.config("live")) }.message shouldBe
                "Unknown setting 'live.session.maxTopcs'. Did you mean 'live.session.maxTopics'?"
        }
    }

    test("a limit from the file applies to a real connection") {
        withServer(
            settings = mapOf("live.limits.maxMessageSize" to "128"),
            module = {
                install(Live)
                routing { live<Unit>("/live") }
            },
        ) {
            val client = PlainClient.connect(url())

            client.send("x".repeat(129))

            client.closed().first shouldBe 1009
        }
    }

    test("the edit distance is a symmetric metric") {
        distance("", "abc") shouldBe 3
        distance("kitten", "sitting") shouldBe 3
        checkAll(500, Arb.string(0..12), Arb.string(0..12)) { a, b ->
            distance(a, b) shouldBe distance(b, a)
            (distance(a, b) == 0) shouldBe (a == b)
            (distance(a, b) in abs(a.length - b.length)..maxOf(a.length, b.length)) shouldBe true
            distance(a + "x", b + "x") shouldBe distance(a, b)
        }
    }
})

private fun file(vararg values: Pair<String, String>): ApplicationConfig =
    MapApplicationConfig(values.map { (key, value) -> "live.$key" to value }).config("live")

private fun settings(vararg values: Pair<String, String>): LiveSettings = liveConfigOf(file(*values)).build()

private fun failure(vararg values: Pair<String, String>): String? =
    shouldThrow<IllegalArgumentException> { liveConfigOf(file(*values)) }.message

private fun hocon(text: String) = HoconApplicationConfig(ConfigFactory.parseString(text))

/** The settings of a server with [values] in its file and [code] in its install block. */
private fun installed(vararg values: Pair<String, String>, code: LiveConfig.() -> Unit): LiveSettings {
    lateinit var liveConfig: LiveConfig
    testApplication {
        environment { config = MapApplicationConfig(values.map { (key, value) -> "live.$key" to value }) }
        application {
            install(Live) {
                code()
                liveConfig = this
            }
        }
        startApplication()
    }
    return liveConfig.build()
}

private fun installFailure(file: ApplicationConfig): String? =
    shouldThrow<IllegalArgumentException> {
        testApplication {
            environment { config = file }
            application { install(Live) }
            startApplication()
        }
    }.message

private fun withProperty(name: String, value: String, block: () -> Unit) {
    System.setProperty(name, value)
    ConfigFactory.invalidateCaches()
    try {
        block()
    } finally {
        System.clearProperty(name)
        ConfigFactory.invalidateCaches()
    }
}
