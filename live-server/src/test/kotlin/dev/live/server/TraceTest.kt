package dev.live.server

import dev.live.server.observe.TraceContext
import dev.live.server.support.Engine
import dev.live.server.support.PlainClient
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.async
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.withContext

private const val TRACED = "live.v1.json.trace"
private const val PLAIN = "live.v1.json"

/** Trace context of messages, over a real socket. */
class TraceTest : FunSpec({

    for (engine in Engine.usual) {
        test("only subscribers that negotiated traces receive the trace of a message, on $engine") {
            withTraces(engine = engine) {
                val traced = PlainClient.connect(url(), TRACED, PLAIN).joined("t")
                val plain = PlainClient.connect(url(), PLAIN).joined("t")

                traced.subprotocol shouldBe TRACED
                traced.send("""{"type":"publish","topic":"t","data":1,"trace":"00-1"}""")

                traced.next() shouldBe """{"type":"message","topic":"t","data":1,"trace":"00-1"}"""
                plain.next() shouldBe """{"type":"message","topic":"t","data":1}"""
            }
        }
    }

    test("the trace of a client that did not negotiate traces is ignored") {
        withTraces {
            val traced = PlainClient.connect(url(), TRACED).joined("t")
            val plain = PlainClient.connect(url(), PLAIN).joined("t")

            plain.send("""{"type":"publish","topic":"t","data":1,"trace":"00-1"}""")

            traced.next() shouldBe """{"type":"message","topic":"t","data":1}"""
        }
    }

    test("a server with traceContext disabled selects the plain codec") {
        withTraces(isTraced = false) {
            val client = PlainClient.connect(url(), TRACED, PLAIN).joined("t")

            client.subprotocol shouldBe PLAIN
            client.send("""{"type":"publish","topic":"t","data":1,"trace":"00-1"}""")

            client.next() shouldBe """{"type":"message","topic":"t","data":1}"""
        }
    }

    test("a publish in a handler carries the trace of the handled message, not of an earlier one") {
        withTraces {
            val client = PlainClient.connect(url(), TRACED).joined("handled")

            client.send("""{"type":"publish","topic":"handled","data":1,"trace":"00-1"}""")
            client.send("""{"type":"publish","topic":"handled","data":2}""")
            client.send("""{"type":"publish","topic":"handled","data":3,"trace":"00-3"}""")

            List(3) { client.next() } shouldContainExactly
                listOf(
                    """{"type":"message","topic":"handled","data":1,"trace":"00-1"}""",
                    """{"type":"message","topic":"handled","data":2}""",
                    """{"type":"message","topic":"handled","data":3,"trace":"00-3"}""",
                )
        }
    }

    test("a handler sees the trace of its message, and the server may publish with a trace of its own") {
        withTraces {
            val client = PlainClient.connect(url(), TRACED).joined("t")

            client.ask("""{"type":"trace","ref":"1","data":null,"trace":"00-7"}""") shouldContain "00-7"
            client.ask("""{"type":"trace","ref":"2","data":null}""") shouldContain "none"
            withContext(TraceContext("00-8")) { application.live.topic("t").publish(5) }

            client.next() shouldBe """{"type":"message","topic":"t","data":5,"trace":"00-8"}"""
        }
    }

    test("an interceptor may replace the client's trace") {
        withTraces {
            val client = PlainClient.connect(url("/spans"), TRACED).joined("s")

            client.send("""{"type":"publish","topic":"s","data":1,"trace":"00-1"}""")

            client.next() shouldBe """{"type":"message","topic":"s","data":1,"trace":"00-1-child"}"""
        }
    }

    test("the history stores the trace of its messages") {
        withTraces {
            withContext(TraceContext("00-9")) { application.live.topic("kept").publish(5) }

            application.live.topic("kept").history().messages.single().trace shouldBe "00-9"
        }
    }

    test("a request of the server carries the trace of its caller") {
        withTraces {
            val client = PlainClient.connect(url(), TRACED)
            client.ask("""{"type":"ping"}""")
            val session = application.live.sessions.single()

            val reply = application.async(TraceContext("00-5")) { session.requestMessage("sure") }
            val request = client.next()

            request shouldContain """"trace":"00-5""""
            client.send("""{"type":"reply","ref":"${request.substringAfter(""""ref":"""").substringBefore('"')}"}""")
            reply.await()
        }
    }

    test("a trace over the maximum length is a bad message, and the session continues") {
        withTraces {
            val client = PlainClient.connect(url(), TRACED)

            client.ask("""{"type":"ping","trace":"${"0".repeat(65)}"}""") shouldContain
                "trace must be at most 64 bytes, was 65 or more"
            client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
        }
    }
})

private suspend fun PlainClient.joined(topic: String): PlainClient {
    ask("""{"type":"subscribe","topic":"$topic","ref":"s"}""") shouldContain "ack"
    return this
}

private suspend fun withTraces(
    isTraced: Boolean = true,
    engine: Engine = Engine.Netty,
    block: suspend TestServer.() -> Unit,
) = withServer(engine, module = {
    install(Live) { traceContext = isTraced }
    routing {
        live<Unit>("/live") {
            topic<Int>("t") { }
            topic<Int>("handled") { onPublish { broadcast(it) } }
            topic<Int>("kept") { history(size = 10) }
            request<Unit?, String>("trace") { currentCoroutineContext()[TraceContext]?.traceparent ?: "none" }
        }
        live<Unit>("/spans") {
            intercept { message, next -> withContext(TraceContext("${message.trace}-child")) { next(message) } }
            topic<Int>("s") { onPublish { broadcast(it) } }
        }
    }
}, test = block)
