package dev.live.server

import dev.live.protocol.JsonCodec
import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.endpoint.TopicDeclaration
import dev.live.server.session.OverflowPolicy
import dev.live.server.topic.TopicPolicy
import io.kotest.assertions.throwables.shouldThrowAny
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.Route
import io.ktor.server.routing.routing
import io.ktor.server.testing.testApplication
import kotlinx.serialization.builtins.serializer
import kotlin.reflect.KClass
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

class LiveConfigTest : FunSpec({

    context("a mistake in install(Live) fails with advice") {
        for (mistake in configMistakes) {
            test(mistake.message) {
                val thrown = shouldThrowAny { LiveConfig().apply(mistake.configure).build() }

                thrown::class shouldBe mistake.type
                thrown.message shouldBe mistake.message
            }
        }
    }

    context("a mistake in live { } fails with advice") {
        for (mistake in endpointMistakes) {
            test(mistake.message) {
                val thrown = shouldThrowAny { LiveEndpoint<String>("/live").apply(mistake.configure) }

                thrown::class shouldBe mistake.type
                thrown.message shouldBe mistake.message
            }
        }
    }

    test("declarations after the route is built have no effect") {
        lateinit var declaration: TopicDeclaration<String, String>
        val endpoint = LiveEndpoint<String>("/live").apply { topic<String>("room/{room}") { declaration = this } }
        val spec = endpoint.build()

        endpoint.tokenParameter = "token"
        endpoint.user { it }
        endpoint.rawTopic("other")
        endpoint.request<Int, Int>("count") { it }
        declaration.maxPayload = 1
        declaration.history(size = 5)
        declaration.authorize { false }

        spec.tokenParameter shouldBe null
        spec.user shouldBe null
        spec.requests.keys.shouldBeEmpty()
        spec.topics.single().run { listOf(maxPayload, policy, authorize) } shouldBe
            listOf(Int.MAX_VALUE, TopicPolicy.None, null)
    }

    test("an endpoint without install(Live) fails with advice") {
        startFailure { routing { live<Unit>("/live") } } shouldBe
            "Live is not installed. Add install(Live) { ... } before routing { live(...) { ... } }."
    }

    test("Application.live without install(Live) fails with advice") {
        startFailure { live } shouldBe
            "Live is not installed. Add install(Live) { ... } before routing { live(...) { ... } }."
    }

    test("an endpoint with a meta type and no authenticate fails with advice") {
        startFailure { installed { live<String>("/live") } } shouldBe
            "live(\"/live\") has a meta type but no authenticate. Add authenticate { call -> ... }, " +
            "or declare live<Unit>(\"/live\")."
    }

    test("both ways of authentication create a meta") {
        testApplication {
            application {
                installed {
                    live<String>("/before") { authenticate { "ann" } }
                    live<String>("/after") { authenticateByMessage { "ann" } }
                    live<Unit>("/none")
                }
            }
            startApplication()
        }
    }

    test("an overflow policy is found by its name, ignoring case") {
        OverflowPolicy.of("Close") shouldBe OverflowPolicy.Close
        "${OverflowPolicy.Close}" shouldBe "close"
        shouldThrowAny { OverflowPolicy.of("wait") }.run { this::class to message } shouldBe
            (IllegalArgumentException::class to "onOverflow must be one of 'close', was 'wait'")
    }

    test("minimum values are accepted") {
        val settings = LiveConfig().apply {
            session {
                queueCapacity = 1
                queueBytes = 1_024
                writeTimeout = 100.milliseconds
                handlerTimeout = 1.milliseconds
                closeTimeout = 1.milliseconds
                maxTopics = 1
            }
            heartbeat {
                interval = 100.milliseconds
                timeout = 101.milliseconds
            }
            topics {
                buffer = 1
                linger = Duration.ZERO
            }
            limits {
                maxMessageSize = 128
                maxFragments = 1
                maxNesting = 1
                messagesPerSecond = 1
                burst = 1
                maxBadMessages = 1
                maxConnections = 1
                maxSessionsPerUser = 1
                maxConnectionsPerAddress = 1
                bytesPerSecond = 1_024
                byteBurst = 128
                messagesPerSecondPerUser = 1
                burstPerUser = 1
                subscribesPerSecond = 1
                subscribeBurst = 1
                authTimeout = 1.milliseconds
                expiryWarning = 1.seconds
            }
            drain {
                timeout = Duration.ZERO
                reconnectWindow = Duration.ZERO..Duration.ZERO
            }
        }.build()

        settings.session.queueBound.messages shouldBe 1
        settings.topicLinger shouldBe Duration.ZERO
    }

    test("repeated blocks are merged, and the last value wins") {
        val settings = LiveConfig().apply {
            session { queueCapacity = 7 }
            session { maxTopics = 8 }
            session { queueCapacity = 9 }
        }.build()

        settings.session.run { listOf(queueBound.messages, maxTopics) } shouldBe listOf(9, 8)
    }

    test("built settings do not change when the configuration does") {
        val config = LiveConfig()
        val settings = config.build()

        config.codecs(JsonCodec)
        config.origins { allow("https://example.com") }
        config.session { queueCapacity = 1 }

        settings.dialects.subprotocols.size shouldBe 3
        settings.limits.origins.allows("https://example.com", host = null) shouldBe false
        settings.session.queueBound.messages shouldBe 256
    }

    test("the defaults match the limits of the protocol") {
        val settings = LiveConfig().build()

        settings.dialects.subprotocols shouldBe listOf("live.v1.json", "live.v1.cbor", "live.v1.msgpack")
        settings.limits.frames.maxMessageSize shouldBe 64 * 1024
        settings.session.maxTopics shouldBe 100
        settings.limits.decode.maxDepth shouldBe 64
        settings.session.queueBound.messages shouldBe 256
        settings.session.queueBound.bytes shouldBe 1024 * 1024
        settings.limits.messages.run { perSecond to burst } shouldBe (100 to 200)
        settings.limits.bytes.run { perSecond to burst } shouldBe (1024 * 1024 to 4 * 1024 * 1024)
        settings.limits.subscribes.run { perSecond to burst } shouldBe (50 to 200)
        settings.limits.userMessages.isUnlimited shouldBe true
        settings.limits.maxConnectionsPerAddress shouldBe Int.MAX_VALUE
        settings.limits.expiryWarning shouldBe 60.seconds
        settings.limits.maxConnections shouldBe Int.MAX_VALUE
        settings.session.heartbeatInterval shouldBe 25.seconds
        settings.session.heartbeatTimeout shouldBe 60.seconds
        settings.session.writeTimeout shouldBe 10.seconds
        settings.limits.authTimeout shouldBe 10.seconds
        settings.limits.maxBadMessages shouldBe 10
        settings.session.onOverflow shouldBe OverflowPolicy.Close
    }

    test("the default byte burst grows with maxMessageSize, a set value does not") {
        fun byteBurst(configure: LimitsConfig.() -> Unit) =
            LiveConfig().apply { limits(configure) }.build().limits.bytes.burst

        byteBurst { maxMessageSize = 10_000_000 } shouldBe 10_000_000
        byteBurst {
            byteBurst = 2_000_000
            maxMessageSize = 1_000_000
        } shouldBe 2_000_000
    }

    test("the default fragment limit equals maxMessageSize, a set value does not change") {
        fun fragments(configure: LimitsConfig.() -> Unit) =
            LiveConfig().apply { limits(configure) }.build().limits.frames.fragments

        fragments {} shouldBe 64 * 1024
        fragments { maxMessageSize = 10_000_000 } shouldBe 10_000_000
        fragments {
            maxFragments = 16
            maxMessageSize = 1_000_000
        } shouldBe 16
    }

    test("by default only pages of the server's own host may connect") {
        val origins = LiveConfig().build().limits.origins

        origins.allows("https://example.com", "example.com") shouldBe true
        origins.allows("https://other.com", "example.com") shouldBe false
    }

    test("allowed origins match regardless of case, and the own host can be excluded") {
        val origins = LiveConfig().apply {
            origins {
                sameHost(false)
                allow("https://APP.example.com", "http://localhost:3000")
            }
        }.build().limits.origins

        origins.allows("https://app.example.com:443", "example.com") shouldBe true
        origins.allows("http://localhost:3000", "example.com") shouldBe true
        origins.allows("https://example.com", "example.com") shouldBe false
    }
})

private class Mistake<T>(val type: KClass<out Exception>, val message: String, val configure: T.() -> Unit)

private fun config(message: String, configure: LiveConfig.() -> Unit) =
    Mistake(IllegalArgumentException::class, message, configure)

private val configMistakes: List<Mistake<LiveConfig>> =
    listOf(
        config("Live has no codec. Add at least one, such as codecs(JsonCodec).") { codecs() },
        config("codec 'live.v1.json' is added twice") { codecs(JsonCodec, JsonCodec) },
        config("queueCapacity must be at least 1 message, was 0") { session { queueCapacity = 0 } },
        config("queueBytes must be at least 1024 bytes, was 1023") { session { queueBytes = 1_023 } },
        config("writeTimeout must be at least 100ms, was 99ms") { session { writeTimeout = 99.milliseconds } },
        config("handlerTimeout must be positive and finite, was 0s") { session { handlerTimeout = Duration.ZERO } },
        config("closeTimeout must be positive, was -1s") { session { closeTimeout = (-1).seconds } },
        config("maxTopics must be at least 1, was 0") { session { maxTopics = 0 } },
        config("heartbeat interval must be at least 100ms, was 0s") { heartbeat { interval = Duration.ZERO } },
        config("heartbeat timeout must be positive, was -1s") { heartbeat { timeout = (-1).seconds } },
        Mistake(IllegalStateException::class, "heartbeat timeout (1m) must be above its interval (1m)") {
            heartbeat { interval = 1.minutes }
        },
        Mistake(IllegalStateException::class, "heartbeat timeout (20s) must be above its interval (25s)") {
            heartbeat { timeout = 20.seconds }
        },
        config("topic buffer must be at least 1 message, was 0") { topics { buffer = 0 } },
        config("topic linger must not be negative, was -1ms") { topics { linger = (-1).milliseconds } },
        config("maxMessageSize must be at least 128 bytes, was 127") { limits { maxMessageSize = 127 } },
        config("maxFragments must be at least 1, was 0") { limits { maxFragments = 0 } },
        config("maxNesting must be 1 to 512, was 0") { limits { maxNesting = 0 } },
        config("maxNesting must be 1 to 512, was 513") { limits { maxNesting = 513 } },
        config("messagesPerSecond must be at least 1, was 0") { limits { messagesPerSecond = 0 } },
        config("burst must be at least 1 message, was 0") { limits { burst = 0 } },
        config("maxBadMessages must be at least 1, was 0") { limits { maxBadMessages = 0 } },
        config("maxConnections must be at least 1, was 0") { limits { maxConnections = 0 } },
        config("maxSessionsPerUser must be at least 1, was -5") { limits { maxSessionsPerUser = -5 } },
        config("maxConnectionsPerAddress must be at least 1, was 0") { limits { maxConnectionsPerAddress = 0 } },
        config("bytesPerSecond must be at least 1024, was 1023") { limits { bytesPerSecond = 1_023 } },
        config("byteBurst must be at least 128 bytes, was 127") { limits { byteBurst = 127 } },
        Mistake(
            IllegalStateException::class,
            "byteBurst (65535) must not be below maxMessageSize (65536), " +
                "or the largest message would always be rejected",
        ) { limits { byteBurst = 65_535 } },
        config("messagesPerSecondPerUser must be at least 1, was 0") { limits { messagesPerSecondPerUser = 0 } },
        config("burstPerUser must be at least 1 message, was 0") { limits { burstPerUser = 0 } },
        config("subscribesPerSecond must be at least 1, was 0") { limits { subscribesPerSecond = 0 } },
        config("subscribeBurst must be at least 1, was 0") { limits { subscribeBurst = 0 } },
        config("expiryWarning must be at least 1s, was 999ms") { limits { expiryWarning = 999.milliseconds } },
        config("authTimeout must be positive, was 0s") { limits { authTimeout = Duration.ZERO } },
        config("an origin must be like 'https://app.example.com' or 'capacitor://localhost', was 'example.com'") {
            origins { allow("https://app.example.com", "example.com") }
        },
        config("an origin must be like 'https://app.example.com' or 'capacitor://localhost', was 'https://a.com/'") {
            origins { allow("https://a.com/") }
        },
        config("an origin must be like 'https://app.example.com' or 'capacitor://localhost', was 'null'") {
            origins { allow("null") }
        },
        config("drain timeout must not be negative, was -1s") { drain { timeout = (-1).seconds } },
        config("reconnectWindow must not be empty or negative, was 2s..1s") {
            drain {
                reconnectWindow =
                    2.seconds..1.seconds
            }
        },
        config("reconnectWindow must not be empty or negative, was -1s..1s") {
            drain { reconnectWindow = (-1).seconds..1.seconds }
        },
    )

private val reserved =
    listOf(
        "subscribe",
        "unsubscribe",
        "publish",
        "ack",
        "message",
        "reply",
        "error",
        "presence",
        "auth",
        "expiring",
        "ping",
        "pong",
        "goodbye",
    )

private fun twice(what: String, configure: LiveEndpoint<String>.() -> Unit) =
    Mistake<LiveEndpoint<String>>(IllegalStateException::class, what) {
        configure()
        configure()
    }

private val endpointMistakes: List<Mistake<LiveEndpoint<String>>> =
    reserved.map { type ->
        Mistake<LiveEndpoint<String>>(
            IllegalArgumentException::class,
            "request type '$type' is reserved by the protocol. Choose another type.",
        ) { request<Int, Int>(type) { it } }
    } + listOf(
        Mistake(IllegalArgumentException::class, "request type 'count' is declared twice") {
            request<Int, Int>("count") { it }
            request("count", String.serializer(), String.serializer()) { it }
        },
        Mistake(
            IllegalArgumentException::class,
            "topic pattern 'room/{id}' is declared twice: 'room/{room}' matches the same names",
        ) {
            topic<String>("room/{room}")
            rawTopic("room/{id}")
        },
        Mistake(IllegalArgumentException::class, "a topic pattern must not be empty") { rawTopic("") },
        Mistake(IllegalArgumentException::class, "maxPayload must be at least 1 byte, was 0") {
            rawTopic("a") { maxPayload = 0 }
        },
        Mistake(IllegalStateException::class, "topic 'a' has authorize twice") {
            rawTopic("a") {
                authorize { true }
                authorize { false }
            }
        },
        Mistake(IllegalStateException::class, "topic 'a' has onPublish twice") {
            rawTopic("a") {
                onPublish {}
                onPublish {}
            }
        },
        Mistake(IllegalStateException::class, "topic 'a' has onSubscribe twice") {
            rawTopic("a") {
                onSubscribe {}
                onSubscribe {}
            }
        },
        Mistake(IllegalStateException::class, "topic 'a' has onUnsubscribe twice") {
            rawTopic("a") {
                onUnsubscribe {}
                onUnsubscribe {}
            }
        },
        twice("live(\"/live\") has authenticate twice") { authenticate { "ann" } },
        twice("live(\"/live\") has authenticateByMessage twice") { authenticateByMessage { "ann" } },
        twice("live(\"/live\") has expires twice") { expires { null } },
        twice("live(\"/live\") has user twice") { user { it } },
        twice("live(\"/live\") has intercept twice") { intercept { message, next -> next(message) } },
        twice("live(\"/live\") has onOpen twice") { onOpen {} },
        twice("live(\"/live\") has onMessage twice") { onMessage {} },
        twice("live(\"/live\") has onClose twice") { onClose {} },
    )

private fun Application.installed(routes: Route.() -> Unit) {
    install(Live)
    routing(routes)
}

/** The message of the [IllegalStateException] that [module] fails with when the application starts. */
private fun startFailure(module: Application.() -> Unit): String? {
    var failure: Throwable? = null
    testApplication {
        application {
            try {
                module()
            } catch (e: IllegalStateException) {
                failure = e
            }
        }
        startApplication()
    }
    return failure?.message
}
