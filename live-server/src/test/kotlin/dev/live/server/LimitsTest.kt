package dev.live.server

import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.RawSocket
import dev.live.server.support.askForUpgrade
import dev.live.server.support.withServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldMatch
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.plugins.origin
import io.ktor.server.plugins.ratelimit.RateLimit
import io.ktor.server.plugins.ratelimit.RateLimitName
import io.ktor.server.plugins.ratelimit.rateLimit
import io.ktor.server.routing.routing
import kotlin.time.Duration.Companion.minutes

/** Limits on messages and connections, tested over a real socket. */
class LimitsTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("bytes over the rate are rejected with retryAfterMs, and the session continues") {
                withServer(engine, { limited { tightBytes() } }) {
                    val client = PlainClient.connect(url())
                    client.ask(echo("a".repeat(900))) shouldContain "aaa"

                    client.ask(echo("b".repeat(900))) shouldMatch
                        """\{"type":"error","ref":"r","data":\{"code":"rate_limited",""" +
                        """"reason":"rate limit exceeded: at most 1024 bytes per second","retryAfterMs":\d{1,3}}}"""

                    client.ask(echo("c")) shouldContain "c"
                }
            }

            test("a client that ignores the byte limit is closed with 4429") {
                withServer(engine, { limited { tightBytes() } }) {
                    val client = RawSocket.upgrade(port)

                    repeat(4) { client.text(echo("a".repeat(900))) }

                    client.readCloseCode() shouldBe 4429
                }
            }

            test("the per-user message limit counts all sessions of a user and no other user") {
                withServer(engine, {
                    limited {
                        messagesPerSecondPerUser = 1
                        burstPerUser = 2
                    }
                }) {
                    val phone = PlainClient.connect(url("/live?name=ann"))
                    val laptop = PlainClient.connect(url("/live?name=ann"))
                    val bob = PlainClient.connect(url("/live?name=bob"))
                    val anonymous = PlainClient.connect(url("/live"))
                    phone.ask(echo("1")) shouldContain "1"
                    laptop.ask(echo("2")) shouldContain "2"

                    laptop.ask(echo("3")) shouldContain
                        "rate limit exceeded: at most 1 messages per second across all sessions of a user"

                    bob.ask(echo("4")) shouldContain "4"
                    repeat(9) { anonymous.ask(echo("$it")) shouldContain "$it" }
                }
            }

            test("the per-user message count is kept until the user's last session ends") {
                withServer(engine, {
                    limited {
                        messagesPerSecondPerUser = 1
                        burstPerUser = 9
                    }
                }) {
                    val phone = PlainClient.connect(url("/live?name=ann"))
                    val laptop = PlainClient.connect(url("/live?name=ann"))
                    repeat(9) { phone.ask(echo("$it")) shouldContain "reply" }
                    phone.close()
                    eventually(HANG_TIMEOUT) { application.live.sessionsOf("ann").size shouldBe 1 }
                    List(9) { laptop.ask(echo("$it")) }.joinToString() shouldContain "rate_limited"
                    laptop.close()
                    eventually(HANG_TIMEOUT) { application.live.sessionsOf("ann").size shouldBe 0 }

                    val again = PlainClient.connect(url("/live?name=ann"))

                    repeat(9) { again.ask(echo("$it")) shouldContain "reply" }
                }
            }

            test("a reconnecting client may subscribe to all its topics at once, then is rate limited") {
                withServer(engine, { limited { subscribesPerSecond = 1 } }) {
                    val client = PlainClient.connect(url())
                    repeat(100) { client.ask(subscribe(it)) shouldContain "ack" }

                    val replies = List(150) { client.ask(subscribe(it % 100)) }

                    replies.joinToString() shouldContain
                        """"reason":"rate limit exceeded: at most 1 subscribes per second","retryAfterMs":"""
                }
            }

            test("a connection over the per-address limit receives 429 with Retry-After until another one closes") {
                withServer(engine, { limited { maxConnectionsPerAddress = 2 } }) {
                    val first = PlainClient.connect(url())
                    PlainClient.connect(url())

                    val response = askForUpgrade(port)

                    response.status shouldBe 429
                    response.headers["retry-after"] shouldBe "5"
                    response.body shouldBe "Connection limit reached for this address."
                    first.close()
                    eventually(HANG_TIMEOUT) { askForUpgrade(port).status shouldBe 101 }
                }
            }

            test("rejected handshakes do not count as connections") {
                withServer(engine, { limited { maxConnectionsPerAddress = 1 } }) {
                    repeat(3) { askForUpgrade(port, "/live", "Origin" to "https://evil.example").status shouldBe 403 }

                    askForUpgrade(port).status shouldBe 101
                }
            }

            test("checks run in the order of the protocol: 503 before 429 before 403") {
                withServer(engine, {
                    limited {
                        maxConnections = 2
                        maxConnectionsPerAddress = 1
                    }
                }) {
                    val evil = "Origin" to "https://evil.example"
                    PlainClient.connect(url())

                    askForUpgrade(port, "/live", evil).status shouldBe 429
                }
                withServer(engine, {
                    limited {
                        maxConnections = 1
                        maxConnectionsPerAddress = 1
                    }
                }) {
                    PlainClient.connect(url())

                    askForUpgrade(port).status shouldBe 503
                }
            }

            test("Ktor's RateLimit around the route rejects connections that come too often") {
                withServer(engine, { rateLimited() }) {
                    repeat(2) { askForUpgrade(port).status shouldBe 101 }

                    val response = askForUpgrade(port)

                    response.status shouldBe 429
                    response.headers["retry-after"].orEmpty() shouldMatch """\d+"""
                    askForUpgrade(port, "/other").status shouldBe 101
                }
            }
        }
    }
})

private fun echo(text: String) = """{"type":"echo","ref":"r","data":"$text"}"""

private fun subscribe(room: Int) = """{"type":"subscribe","topic":"room/$room"}"""

private fun LimitsConfig.tightBytes() {
    maxMessageSize = 1_024
    bytesPerSecond = 1_024
    byteBurst = 1_100
}

private fun Application.limited(configure: LimitsConfig.() -> Unit) {
    install(Live) {
        limits {
            messagesPerSecond = Int.MAX_VALUE
            configure()
        }
    }
    routing {
        live<String>("/live") {
            authenticate { call -> call.request.queryParameters["name"] ?: "" }
            user { name -> name.ifEmpty { null } }
            topic<Int>("room/{room}")
            echo()
        }
    }
}

private fun LiveEndpoint<*>.echo() = request<String, String>("echo") { it }

private fun Application.rateLimited() {
    install(Live)
    install(RateLimit) {
        register(RateLimitName("live")) {
            rateLimiter(limit = 2, refillPeriod = 1.minutes)
            requestKey { call -> call.request.origin.remoteAddress }
        }
    }
    routing {
        rateLimit(RateLimitName("live")) { live<Unit>("/live") }
        live<Unit>("/other")
    }
}
