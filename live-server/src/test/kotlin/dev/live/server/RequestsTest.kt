package dev.live.server

import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.protocol.of
import dev.live.server.session.RequestFailedException
import dev.live.server.session.Session
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldStartWith
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.minutes

/** Requests in both directions, over a real socket. */
class RequestsTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("a request of the server receives the client's reply, and other replies go to onMessage") {
                withServer(engine, { shop() }) {
                    val client = connect("ann")
                    coroutineScope {
                        val request = async { session().request<String, Int>("age", "please") }
                        val ref = refOf(client.next())

                        // the second reply has no request, and the session continues
                        repeat(2) { client.send("""{"type":"reply","ref":"$ref","data":7}""") }

                        request.await() shouldBe 7
                        client.ask("""{"type":"reply","ref":"mine"}""") shouldBe
                            """{"type":"received","data":"reply mine"}"""
                    }
                }
            }

            test("an error of the client fails the request, and an uncaught failure in a handler replies internal") {
                withServer(engine, { shop() }) {
                    val (ann, bob) = listOf(connect("ann"), connect("bob"))
                    ann.send("""{"type":"ask bob","ref":"1","data":"may I"}""")

                    val ref = refOf(bob.next())
                    bob.send("""{"type":"error","ref":"$ref","data":{"code":"forbidden","reason":"no"}}""")

                    ann.next() shouldContain """"code":"internal""""
                }
            }

            test("a handler that sends a request to its own client fails, and the session continues") {
                withServer(engine, { shop() }) {
                    val client = connect("ann")

                    client.ask("""{"type":"ask myself","ref":"1","data":""}""") shouldContain "internal"
                    client.ask("""{"type":"ask myself once","ref":"=1","data":""}""") shouldContain "internal"

                    client.send("""{"type":"ask aside","ref":"2","data":"x"}""")
                    val seen = listOf(client.next(), client.next())
                    val request = seen.single { "\"who\"" in it }
                    seen.single { it !== request } shouldBe """{"type":"reply","ref":"2","data":true}"""
                    client.ask("""{"type":"reply","ref":"${refOf(request)}","data":"ann"}""") shouldBe
                        """{"type":"received","data":"ann"}"""
                }
            }

            test("a pending request fails when the session ends") {
                withServer(engine, { shop() }) {
                    val client = connect("ann")
                    coroutineScope {
                        val request = async { failureOf { session().requestMessage("age") } }
                        client.next()

                        client.abort()

                        request.await().code.wire shouldBe "connection_lost"
                    }
                }
            }

            test("a request with an idempotency key runs once per user, across connections") {
                val runs = AtomicInteger()
                withServer(engine, { shop(runs) }) {
                    val first = connect("ann")
                    val pay = """{"type":"pay","ref":"=order-17","data":5}"""
                    first.ask(pay) shouldBe """{"type":"reply","ref":"=order-17","data":"5 paid, run 1"}"""
                    first.abort()
                    val second = connect("ann")

                    second.ask(pay) shouldBe """{"type":"reply","ref":"=order-17","data":"5 paid, run 1"}"""
                    second.ask("""{"type":"pay","ref":"=order-17","data":6}""") shouldBe
                        """{"type":"error","ref":"=order-17","data":{"code":"bad_payload","reason":""" +
                        """"this key was used with another payload. Use a new key for each request."}}"""
                    second.ask("""{"type":"pay","ref":"order-17","data":5}""") shouldContain "run 2"
                    connect("bob").ask(pay) shouldContain "run 3"
                }
            }

            test("idempotency keys of a session without a user are released when it ends") {
                withServer(engine, { shop() }) {
                    repeat(101) { number ->
                        val one = PlainClient.connect(url("/anonymous"))
                        repeat(100) { one.send("""{"type":"pay","ref":"=$it","data":1}""") }
                        repeat(100) { one.next() shouldContain """"type":"reply"""" }
                        one.close()
                        one.closed()
                        eventually(HANG_TIMEOUT) { application.live.sessions.size shouldBe 0 }
                    }
                }
            }

            test("an idempotent request continues after its connection is lost, and the next one receives the reply") {
                val runs = AtomicInteger()
                val started = CompletableDeferred<Unit>()
                val gate = CompletableDeferred<Unit>()
                withServer(engine, { shop(runs, started, gate) }) {
                    val first = connect("ann")
                    first.send("""{"type":"slow","ref":"=1","data":5}""")
                    started.await()
                    session().close(CloseCode.GoingAway)
                    first.closed().first shouldBe 1001
                    val second = connect("ann")
                    second.send("""{"type":"slow","ref":"=1","data":5}""")

                    gate.complete(Unit)

                    second.next() shouldBe """{"type":"reply","ref":"=1","data":"run 1"}"""
                    runs.get() shouldBe 1
                }
            }
        }
    }
})

private suspend fun TestServer.connect(name: String) =
    PlainClient.connect(url("/live?name=$name")).also { it.ask("""{"type":"ping"}""") }

private fun TestServer.session(name: String = "ann"): Session<*> = application.live.sessionsOf(name).single()

private fun refOf(request: String): String =
    request.substringAfter(""""ref":"""").substringBefore('"').also { it shouldStartWith "$" }

private suspend fun failureOf(block: suspend () -> Unit): RequestFailedException =
    shouldThrow<RequestFailedException> { block() }

private fun Application.shop(
    runs: AtomicInteger = AtomicInteger(),
    started: CompletableDeferred<Unit> = CompletableDeferred(),
    gate: CompletableDeferred<Unit> = CompletableDeferred(),
) {
    install(Live) {
        limits {
            messagesPerSecond = Int.MAX_VALUE
            burst = Int.MAX_VALUE
        }
    }
    routing {
        live<Unit>("/anonymous") { request<Int, Int>("pay", idempotent = 5.minutes) { it } }
        live<String>("/live") {
            authenticate { call -> call.request.queryParameters["name"] }
            user { it }
            request<Int, String>("pay", idempotent = 5.minutes) { amount ->
                "$amount paid, run ${runs.incrementAndGet()}"
            }
            request<Int, String>("slow", idempotent = 5.minutes) {
                val run = runs.incrementAndGet()
                started.complete(Unit)
                gate.await()
                "run $run"
            }
            request<String, Int>("ask bob") { question ->
                this@shop.live.sessionsOf("bob").single().request(question, meta)
            }
            request<String, Int>("ask myself") { session.request("age", "") }
            request<String, Int>("ask myself once", idempotent = 1.minutes) { session.request("age", "") }
            request<String, Boolean>("ask aside") {
                session.launch { session.trySend(received(session.request("who", it))) }
                true
            }
            onMessage { session.send(received("${it.type} ${it.ref}")) }
        }
    }
}

private fun received(text: String) = Message("received", body = Body.of(text))
