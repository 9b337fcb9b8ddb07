package dev.live.server

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.server.session.Session
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.withServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.seconds

/** Sessions as the application uses them, over a real socket. */
class SessionsTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("coroutines of a session end with it") {
                val ended = CompletableDeferred<Unit>()
                withServer(engine, {
                    install(Live)
                    routing {
                        live<Unit>("/live") {
                            onOpen {
                                session.launch {
                                    try {
                                        delay(1.seconds * 3600)
                                    } finally {
                                        ended.complete(Unit)
                                    }
                                }
                            }
                        }
                    }
                }) {
                    PlainClient.connect(url()).close()

                    withTimeout(HANG_TIMEOUT) { ended.await() }
                }
            }

            test("sessions are found by id and user, and messages reach one session, a user or all sessions") {
                withServer(engine, {
                    install(Live)
                    routing {
                        live<String>("/live") {
                            authenticate { call -> call.request.queryParameters["name"] }
                            user { it }
                            request<String, String>("id") { session.id }
                        }
                    }
                }) {
                    val (ann1, ann2, bob) = listOf("ann", "ann", "bob").map {
                        // the session is registered once it replies
                        PlainClient.connect(url("/live?name=$it")).apply { ask("""{"type":"ping"}""") }
                    }
                    val id = ann1.ask("""{"type":"id","data":""}""").substringAfter("data\":\"").substringBefore('"')
                    val live = application.live

                    live.session(id)?.meta shouldBe "ann"
                    live.sendToSession(id, note("one")) shouldBe true
                    live.sendToUser("ann", note("two")) shouldBe 2
                    live.broadcast(note("three")) shouldBe 3

                    List(3) { ann1.next() } shouldContainExactly listOf(wire("one"), wire("two"), wire("three"))
                    List(2) { ann2.next() } shouldContainExactly listOf(wire("two"), wire("three"))
                    bob.next() shouldBe wire("three")
                    live.sendToUser("unknown", note("four")) shouldBe 0
                    live.sendToSession("0".repeat(32), note("four")) shouldBe false
                }
            }

            test("trySend returns whether the message was queued") {
                withServer(engine, { rooms() }) {
                    val client = PlainClient.connect(url())
                    client.ask("""{"type":"ping"}""")
                    val session: Session<*> = application.live.sessions.single()

                    session.trySend(note("hi")) shouldBe true
                    client.next() shouldBe wire("hi")
                    client.close()
                    client.closed()
                    eventually(HANG_TIMEOUT) { session.trySend(note("late")) shouldBe false }
                    session.send(note("late")) shouldBe false
                }
            }
        }
    }
})

private fun note(text: String) = Message("note", body = Body.json("\"$text\""))

private fun wire(text: String) = """{"type":"note","data":"$text"}"""

private fun Application.rooms() {
    install(Live)
    routing { live<Unit>("/live") { topic<Int>("room/{room}") } }
}
