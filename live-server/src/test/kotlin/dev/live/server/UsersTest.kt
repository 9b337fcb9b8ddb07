package dev.live.server

import dev.live.server.session.Session
import dev.live.server.session.publish
import dev.live.server.session.subscribedSessions
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout

/** Subscriptions and sends that the server starts per user, over a real socket. */
class UsersTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("the server may subscribe a session to a topic that its authorize would reject") {
                withServer(engine, { club() }) {
                    val ann = connect("ann")
                    ann.ask("""{"type":"subscribe","topic":"room/secret","ref":"1"}""") shouldContain "forbidden"

                    session("ann").subscribe("room/secret") shouldBe true
                    application.live.topic("room/secret").publish("hello", except = session("ann"))
                    application.live.topic("room/secret").publish("for you") { it.user == "ann" } shouldBe 1
                    session("ann").unsubscribe("room/secret") shouldBe true

                    List(3) { ann.next() } shouldContainExactly
                        listOf(
                            """{"type":"subscribe","topic":"room/secret"}""",
                            """{"type":"message","topic":"room/secret","data":"for you"}""",
                            """{"type":"unsubscribe","topic":"room/secret"}""",
                        )
                    application.live.topic("room/secret").subscribedSessions().shouldBeEmpty()
                }
            }

            test("a client may publish to and unsubscribe from a topic that the server subscribed it to") {
                withServer(engine, { club() }) {
                    val ann = connect("ann")
                    session("ann").subscribe("room/1")
                    ann.next()

                    ann.ask("""{"type":"subscribe","topic":"room/1","ref":"1"}""") shouldBe
                        """{"type":"ack","topic":"room/1","ref":"1"}"""
                    ann.send("""{"type":"publish","topic":"room/1","ref":"2","data":"hi"}""")
                    setOf(ann.next(), ann.next()) shouldBe
                        setOf(
                            """{"type":"message","topic":"room/1","data":"hi"}""",
                            """{"type":"ack","topic":"room/1","ref":"2"}""",
                        )
                    ann.ask("""{"type":"unsubscribe","topic":"room/1","ref":"3"}""") shouldBe
                        """{"type":"ack","topic":"room/1","ref":"3"}"""
                    session("ann").topics.shouldBeEmpty()
                }
            }

            test("publish with a predicate reaches only the sessions that match") {
                withServer(engine, { club() }) {
                    val (ann, bob) = listOf(connect("ann"), connect("bob"))
                    listOf("ann", "bob").forEach { session(it).subscribe("room/1") }
                    listOf(ann, bob).forEach { it.next() }

                    application.live.topic("room/1").subscribedSessions().map { it.user }.toSet() shouldBe
                        setOf("ann", "bob")
                    application.live.topic("room/1").publish("psst") { (it.meta as Guest).isMember } shouldBe 1
                    application.live.topic("room/1").publish("all")

                    ann.next() shouldContain "psst"
                    listOf(ann, bob).forEach { it.next() shouldContain "all" }
                }
            }

            test("kickUser closes all sessions of the user and no other") {
                withServer(engine, { club() }) {
                    val devices = List(3) { connect("ann") }
                    val bob = connect("bob")

                    application.live.kickUser("ann", "enough") shouldBe 3
                    application.live.kickUser("unknown", "enough") shouldBe 0

                    devices.map { it.closed() }.toSet() shouldBe setOf(4403 to "enough")
                    bob.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
                }
            }

            test("a session may be subscribed in onOpen, in authorize and in a request handler") {
                withServer(engine, { club() }) {
                    val cat = PlainClient.connect(url("/live?name=cat&at=room/opening"))
                    cat.next() shouldBe """{"type":"subscribe","topic":"room/opening"}"""

                    cat.send("""{"type":"subscribe","topic":"room/hall","ref":"1"}""")
                    List(2) { cat.next() } shouldContainExactly
                        listOf(
                            """{"type":"subscribe","topic":"room/lobby"}""",
                            """{"type":"ack","topic":"room/hall","ref":"1"}""",
                        )
                    cat.send("""{"type":"out","ref":"2","data":""}""") // unsubscribes from all topics, one message each
                    List(4) { cat.next() }.last() shouldBe """{"type":"reply","ref":"2","data":3}"""
                }
            }

            test("concurrent subscribes by server and client end in the same state on both sides, without a deadlock") {
                withServer(engine, { club() }) {
                    val ann = connect("ann")
                    val session = session("ann")
                    var isSubscribed = false
                    withTimeout(HANG_TIMEOUT) {
                        coroutineScope {
                            repeat(2) {
                                launch(Dispatchers.Default) {
                                    repeat(ROUNDS) {
                                        session.subscribe("room/1")
                                        session.unsubscribe("room/1")
                                    }
                                }
                            }
                            repeat(ROUNDS) { round ->
                                val type = if (round % 2 == 0) "subscribe" else "unsubscribe"
                                ann.send("""{"type":"$type","topic":"room/1","ref":"$round"}""")
                                do {
                                    val received = ann.next()
                                    isSubscribed = after(received, isSubscribed)
                                } while (""""ref":"$round"""" !in received)
                            }
                        }
                        // read the remaining messages
                        ann.send("""{"type":"ping","ref":"end"}""")
                        while (true) isSubscribed = after(ann.next().takeIf { "pong" !in it } ?: break, isSubscribed)
                    }

                    session.topics.isNotEmpty() shouldBe isSubscribed
                    application.live.topic("room/1").subscribedSessions().isNotEmpty() shouldBe isSubscribed
                    session.isOpen shouldBe true
                }
            }
        }
    }
})

private const val ROUNDS = 60

/** Whether the client is subscribed after it received [received]. */
private fun after(received: String, before: Boolean): Boolean =
    when {
        "rate_limited" in received -> error("the test is too fast for the server's limits")
        """"type":"subscribe"""" in received -> true
        """"type":"unsubscribe"""" in received -> false
        """"type":"ack"""" in received -> received.substringAfter(""""ref":"""").substringBefore('"').toInt() % 2 == 0
        else -> before
    }

private class Guest(val name: String, val at: String?) {
    val isMember: Boolean get() = name == "ann"
}

private suspend fun TestServer.connect(name: String) =
    PlainClient.connect(url("/live?name=$name")).also { it.ask("""{"type":"ping"}""") }

private fun TestServer.session(name: String): Session<*> = application.live.sessionsOf(name).single()

private fun Application.club() {
    install(Live) { limits { burst = 1_000 } }
    routing {
        live<Guest>("/live") {
            authenticate { call -> Guest(call.request.queryParameters["name"]!!, call.request.queryParameters["at"]) }
            user { it.name }
            topic<String>("room/{room}") {
                authorize {
                    if (parameters["room"] == "hall") session.subscribe("room/lobby")
                    parameters["room"] != "secret"
                }
            }
            onOpen { meta.at?.let { session.subscribe(it) } }
            request<String, Int>("out") { session.topics.size.also { session.unsubscribeAll() } }
        }
    }
}
