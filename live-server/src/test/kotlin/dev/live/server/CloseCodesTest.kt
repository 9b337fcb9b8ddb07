package dev.live.server

import dev.live.protocol.CloseCode
import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.session.CloseReason
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.RawSocket
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import java.io.IOException
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Provokes every close code over a real socket; checks the code at the client and in `onClose`. */
class CloseCodesTest : FunSpec({

    val provoked = mutableSetOf<CloseCode>()

    for (engine in Engine.onAllLoops) {
        context("on $engine") {
            for (case in cases) {
                test("${case.code}: ${case.name}") {
                    val reasons = Channel<CloseReason>(Channel.UNLIMITED)
                    withServer(engine, { endpoint(case, reasons) }) {
                        val client = PlainClient.connect(url())

                        case.provoke(this, client)

                        if (case.seenByClient) {
                            val (code, reason) = client.closed()
                            code shouldBe case.code.wire
                            reason shouldContain case.reason
                        }
                        if (case.hasSession) {
                            val reason = withTimeout(HANG_TIMEOUT) { reasons.receive() }
                            reason.code shouldBe case.code
                            reason.byClient shouldBe case.byClient
                        }
                        provoked += case.code
                    }
                }
            }
        }
    }

    test("every close code is covered except 4508 and the WebSocket violations, which have their own tests") {
        // violations of RFC 6455 are tested in transport/ and conformance/
        val ofWebSockets = setOf(CloseCode.WebSocketViolated, CloseCode.InvalidText, CloseCode.PolicyViolated)
        provoked shouldContainAll CloseCode.All - CloseCode.SlowConsumer - ofWebSockets
    }

    test("the tenth bad message within a minute closes the session, the ninth does not") {
        withServer(module = {
            install(Live)
            routing { live<Unit>("/live") }
        }) {
            val client = PlainClient.connect(url())
            repeat(9) { client.ask("nonsense") }
            client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""

            client.ask("nonsense") shouldContain "bad_message"

            client.closed() shouldBe (4400 to "10 bad messages within a minute")
        }
    }

    test("goodbye with the reconnect window precedes close 1013") {
        withServer(module = {
            install(Live) { limits { maxSessionsPerUser = 1 } }
            routing { live<Unit>("/live") { user { "ann" } } }
        }) {
            val first = PlainClient.connect(url())
            first.ask("""{"type":"ping"}""")

            val second = PlainClient.connect(url())

            val reason = "session limit reached: at most 1 sessions per user"
            second.next() shouldBe
                """{"type":"goodbye","data":{"code":1013,"reason":"$reason","reconnectInMs":[5000,10000]}}"""
            second.closed() shouldBe (1013 to reason)
        }
    }

    test("goodbye with the reconnect window precedes the close of a drain") {
        withServer(module = {
            install(Live) { drain { reconnectWindow = 1.seconds..3.seconds } }
            routing { live<Unit>("/live") }
        }) {
            val client = PlainClient.connect(url())
            client.ask("""{"type":"ping"}""")

            stop()

            client.next() shouldBe
                """{"type":"goodbye","data":{"code":1012,"reason":"server restart","reconnectInMs":[1000,3000]}}"""
            client.closed() shouldBe (1012 to "server restart")
        }
    }
})

private class CloseCase(
    val code: CloseCode,
    val name: String,
    val reason: String = "",
    val byClient: Boolean = false,
    val seenByClient: Boolean = true,
    val hasSession: Boolean = true,
    val config: LiveConfig.() -> Unit = {},
    val endpoint: LiveEndpoint<Unit>.() -> Unit = {},
    val provoke: suspend TestServer.(PlainClient) -> Unit,
)

private val cases =
    listOf(
        CloseCase(CloseCode.Normal, "the client closes", byClient = true) { it.close(1000) },
        CloseCase(
            CloseCode.Normal,
            "the server closes the session normally",
            "that was all",
            endpoint = { onMessage { session.close(reason = "that was all") } },
        ) { it.send("""{"type":"bye"}""") },
        CloseCase(CloseCode.GoingAway, "the client goes away", byClient = true) { it.close(1001) },
        CloseCase(
            CloseCode.GoingAway,
            "the server goes away",
            "moving",
            endpoint = { onMessage { session.close(CloseCode.GoingAway, "moving") } },
        ) { it.send("""{"type":"bye"}""") },
        CloseCase(CloseCode.Abnormal, "the connection is lost", byClient = true, seenByClient = false) {
            it.ask("""{"type":"ping"}""")
            it.abort()
        },
        CloseCase(CloseCode.TooLarge, "a message over the limit", "a message must be at most 65536 bytes") {
            it.send("""{"type":"x","data":"${"a".repeat(65_536)}"}""")
        },
        CloseCase(
            CloseCode.Internal,
            "a coroutine of the session fails",
            "internal error",
            endpoint = { onMessage { session.launch { error("boom") } } },
        ) { it.send("""{"type":"go"}""") },
        CloseCase(CloseCode.Internal, "onOpen fails", "internal error, log id", endpoint = {
            onOpen { error("boom") }
        }) {},
        CloseCase(CloseCode.Restart, "the application stops", "server restart") {
            it.ask("""{"type":"ping"}""")
            stop()
        },
        CloseCase(
            CloseCode.TryAgainLater,
            "a user exceeds the session limit",
            "session limit reached: at most 1 sessions per user",
            hasSession = false,
            config = { limits { maxSessionsPerUser = 1 } },
            endpoint = { user { "ann" } },
        ) { first ->
            first.ask("""{"type":"ping"}""")
            PlainClient.connect(url()).closed() shouldBe (1013 to "session limit reached: at most 1 sessions per user")
            first.ask("""{"type":"ping"}""")
            application.live.sessions.single()
                .close(CloseCode.TryAgainLater, "session limit reached: at most 1 sessions per user")
        },
        CloseCase(CloseCode.ProtocolViolated, "ten bad messages", "10 bad messages within a minute") { client ->
            repeat(10) { client.send("nonsense") }
        },
        CloseCase(
            CloseCode.NotAuthenticated,
            "no token before the auth timeout",
            "no auth message received",
            hasSession = false,
            config = { limits { authTimeout = 100.milliseconds } },
            endpoint = {
                authenticate { null }
                authenticateByMessage { token -> if (token == "good") Unit else null }
            },
        ) {},
        CloseCase(
            CloseCode.NotAuthenticated,
            "a token refresh is rejected",
            "the token was not accepted",
            endpoint = { authenticateByMessage { token -> if (token == "good") Unit else null } },
        ) {
            it.ask("""{"type":"auth","ref":"1","data":{"token":"good"}}""") shouldBe """{"type":"ack","ref":"1"}"""
            it.ask("""{"type":"auth","ref":"2","data":{"token":"good"}}""") shouldBe """{"type":"ack","ref":"2"}"""
            it.ask("""{"type":"auth","ref":"3","data":{"token":"old"}}""") shouldContain "forbidden"
        },
        CloseCase(
            CloseCode.Kicked,
            "the server kicks the client",
            "spam",
            endpoint = { onMessage { session.kick("spam") } },
        ) { it.send("""{"type":"spam"}""") },
        CloseCase(
            CloseCode.HeartbeatTimeout,
            "a client sends nothing and replies to no ping",
            seenByClient = false,
            config = {
                heartbeat {
                    interval = 500.milliseconds
                    timeout = 2.seconds // the other client must reply in time, also on a busy machine
                }
            },
        ) {
            it.ask("""{"type":"ping"}""")
            val silent = RawSocket.upgrade(port)
            silent.readCloseCode() shouldBe 4408
            it.ask("""{"type":"ping"}""") // this client replied to its pings and is alive
        },
        CloseCase(
            CloseCode.TooManyMessages,
            "a client ignores rate_limited",
            "rate limit exceeded: at most 1 messages per second",
            config = {
                limits {
                    messagesPerSecond = 1
                    burst = 2
                }
            },
        ) { client ->
            try {
                repeat(6) { client.send("""{"type":"ping"}""") }
            } catch (_: IOException) {
                // expected: the server may close before the client has sent its last message
            }
        },
    )

private fun Application.endpoint(case: CloseCase, reasons: Channel<CloseReason>) {
    install(Live, case.config)
    routing {
        live<Unit>("/live") {
            case.endpoint(this)
            onClose { reason -> reasons.trySend(reason) }
        }
    }
}
