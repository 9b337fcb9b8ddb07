package dev.live.server

import dev.live.protocol.ErrorCode
import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.support.Engine
import dev.live.server.support.PlainClient
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldMatch
import io.kotest.matchers.string.shouldNotContain
import io.kotest.matchers.string.shouldStartWith
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.awaitCancellation
import kotlin.time.Duration.Companion.milliseconds

/** Provokes every error code over a real socket. The session stays open after each error. */
class ErrorCodesTest : FunSpec({

    val provoked = mutableSetOf<ErrorCode>()

    for (engine in Engine.usual) {
        context("on $engine") {
            for (case in cases) {
                test("${case.code}: ${case.name}") {
                    withServer(engine, { endpoint(case.config, case.endpoint) }) {
                        val client = PlainClient.connect(url())

                        val error = case.provoke(client)

                        error shouldStartWith """{"type":"error""""
                        error shouldContain """"data":{"code":"${case.code}","reason":"${case.reason}"""
                        if (case.ref) error shouldContain """"ref":"r""""
                        client.shouldBeOpen()
                        provoked += case.code
                    }
                }
            }
        }
    }

    test("every error code of the protocol is covered") {
        provoked shouldContainExactlyInAnyOrder ErrorCode.All
    }

    test("a handler failure reaches the client as a log id, without the exception message") {
        withServer(module = { endpoint { onMessage { error("the password is secret") } } }) {
            val client = PlainClient.connect(url())

            val reply = client.ask("""{"type":"boom","ref":"r"}""")

            reply shouldMatch
                """\{"type":"error","ref":"r","data":\{"code":"internal","reason":"internal error, log id [0-9a-f]{8}"}}"""
            reply shouldNotContain "secret"
        }
    }

    test("rate_limited carries retryAfterMs") {
        withServer(module = {
            endpoint({
                limits {
                    messagesPerSecond = 1
                    burst = 1
                }
            })
        }) {
            val client = PlainClient.connect(url())
            client.ask("""{"type":"ping"}""")

            client.ask("""{"type":"ping","ref":"r"}""") shouldMatch """.*"retryAfterMs":(\d{1,3}|1000)}}"""
        }
    }
})

private class Case(
    val code: ErrorCode,
    val name: String,
    val reason: String,
    val config: LiveConfig.() -> Unit = {},
    val endpoint: LiveEndpoint<Unit>.() -> Unit = { topic<Line>("room/{room}") },
    val ref: Boolean = true,
    val provoke: suspend (PlainClient) -> String,
)

private val cases =
    listOf(
        Case(ErrorCode.BadMessage, "bytes that are not JSON", "", ref = false) { it.ask("nonsense") },
        Case(ErrorCode.BadMessage, "no type", "", ref = false) { it.ask("""{"topic":"room/1"}""") },
        Case(ErrorCode.BadMessage, "both body and data", "", ref = false) {
            it.ask("""{"type":"publish","topic":"room/1","body":"AA==","data":1}""")
        },
        Case(ErrorCode.BadMessage, "data nested 65 deep", "", ref = false) {
            it.ask("""{"type":"publish","topic":"room/1","data":${"[".repeat(65)}${"]".repeat(65)}}""")
        },
        Case(ErrorCode.BadMessage, "a binary frame on the JSON codec", "live.v1.json requires text", ref = false) {
            it.send("""{"type":"ping"}""".toByteArray())
            it.next()
        },
        Case(ErrorCode.UnknownType, "a type without a handler", "no handler for messages of this type") {
            it.ask("""{"type":"dance","ref":"r"}""")
        },
        Case(ErrorCode.UnknownTopic, "subscribe to a topic that matches no pattern", "no declared topic matches") {
            it.ask("""{"type":"subscribe","topic":"hall/1","ref":"r"}""")
        },
        Case(ErrorCode.UnknownTopic, "subscribe without a topic", "no declared topic matches") {
            it.ask("""{"type":"subscribe","ref":"r"}""")
        },
        Case(
            ErrorCode.Forbidden,
            "authorize returns false",
            "this session is not authorized for the topic",
            endpoint = { topic<Line>("room/{room}") { authorize { parameters["room"] != "7" } } },
        ) { it.ask("""{"type":"subscribe","topic":"room/7","ref":"r"}""") },
        Case(ErrorCode.NotSubscribed, "publish without a subscription", "subscribe to the topic before") {
            it.ask("""{"type":"publish","topic":"room/1","ref":"r","data":{"text":"x"}}""")
        },
        Case(
            ErrorCode.TooLarge,
            "a payload over the topic's limit",
            "a payload of this topic must be at most 16 bytes, was 29",
            endpoint = { topic<Line>("room/{room}") { maxPayload = 16 } },
        ) {
            it.ask("""{"type":"subscribe","topic":"room/1"}""")
            it.ask("""{"type":"publish","topic":"room/1","ref":"r","data":{"text":"0123456789abcdefgh"}}""")
        },
        Case(
            ErrorCode.RateLimited,
            "a message over the burst",
            "rate limit exceeded: at most 1 messages per second",
            config = {
                limits {
                    messagesPerSecond = 1
                    burst = 2
                }
            },
        ) {
            it.ask("""{"type":"ping"}""")
            it.ask("""{"type":"ping"}""")
            it.ask("""{"type":"ping","ref":"r"}""")
        },
        Case(
            ErrorCode.TooManyTopics,
            "one topic over the limit",
            "a session may subscribe to at most 1 topics",
            config = { session { maxTopics = 1 } },
        ) {
            it.ask("""{"type":"subscribe","topic":"room/1"}""")
            it.ask("""{"type":"subscribe","topic":"room/2","ref":"r"}""")
        },
        Case(ErrorCode.BadPayload, "a payload that is not the topic's type", "") {
            it.ask("""{"type":"subscribe","topic":"room/1"}""")
            it.ask("""{"type":"publish","topic":"room/1","ref":"r","data":{"txt":"x"}}""").also { e ->
                e shouldContain
                    "text"
            }
        },
        Case(
            ErrorCode.BadPayload,
            "a payload that the handler rejects",
            "no shouting",
            endpoint = { topic<Line>("room/{room}") { onPublish { reject("no shouting") } } },
        ) {
            it.ask("""{"type":"subscribe","topic":"room/1"}""")
            it.ask("""{"type":"publish","topic":"room/1","ref":"r","data":{"text":"HI"}}""")
        },
        Case(
            ErrorCode.Internal,
            "a handler that throws",
            "internal error, log id ",
            endpoint = { topic<Line>("room/{room}") { authorize { error("boom") } } },
        ) { it.ask("""{"type":"subscribe","topic":"room/1","ref":"r"}""") },
        Case(
            ErrorCode.Timeout,
            "a handler that never returns",
            "the handler took longer than 50ms",
            config = { session { handlerTimeout = 50.milliseconds } },
            endpoint = { onMessage { awaitCancellation() } },
        ) { it.ask("""{"type":"wait","ref":"r"}""") },
    )

private fun Application.endpoint(config: LiveConfig.() -> Unit = {}, declare: LiveEndpoint<Unit>.() -> Unit = {}) {
    install(Live, config)
    routing { live<Unit>("/live", declare) }
}

private suspend fun PlainClient.shouldBeOpen() {
    var reply = ask("""{"type":"ping","ref":"still here"}""")
    // a rate limit still in force also proves that the session is open
    if ("rate_limited" in reply) return
    while ("pong" !in reply) reply = next()
    reply shouldBe """{"type":"pong","ref":"still here"}"""
}
