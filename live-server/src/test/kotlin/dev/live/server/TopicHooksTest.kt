package dev.live.server

import dev.live.server.endpoint.TopicDeclaration
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The application is told who joins and leaves its topics, over a real socket. */
class TopicHooksTest : FunSpec({

    for (engine in Engine.entries) {
        test(
            "on $engine a join is told after it, and a leave whether it was asked for or came with the session's end",
        ) {
            val told = Channel<String>(Channel.UNLIMITED)
            withServer(engine, {
                rooms(told) {
                    onSubscribe { told.trySend("$topic ${parameters["room"]} joined, ${session.topics.size} in all") }
                    onUnsubscribe {
                        told.trySend("$topic left, open: ${session.isOpen}, ${session.topics.size} remain")
                    }
                }
            }) {
                val client = PlainClient.connect(url())

                for (room in 1..3) client.ask(subscribe(room))
                client.ask("""{"type":"unsubscribe","topic":"room/2"}""")
                List(4) { told.next() } shouldBe
                    listOf(
                        "room/1 1 joined, 1 in all",
                        "room/2 2 joined, 2 in all",
                        "room/3 3 joined, 3 in all",
                        "room/2 left, open: true, 2 remain",
                    )
                client.close()

                List(2) { told.next() } shouldContainExactlyInAnyOrder
                    listOf("room/1 left, open: false, 0 remain", "room/3 left, open: false, 0 remain")
                told.next() shouldBe "closed 1000"
            }
        }
    }

    test("joining twice, and leaving what was not joined, are not told") {
        val told = Channel<String>(Channel.UNLIMITED)
        withServer(module = {
            rooms(told) {
                onSubscribe { told.trySend("joined") }
                onUnsubscribe { told.trySend("left") }
            }
        }) {
            val client = PlainClient.connect(url())

            repeat(2) { client.ask(subscribe(1)) }
            repeat(2) { client.ask("""{"type":"unsubscribe","topic":"room/1"}""") }
            client.ask("""{"type":"unsubscribe","topic":"room/2"}""")
            client.close()

            List(3) { told.next() } shouldBe listOf("joined", "left", "closed 1000")
        }
    }

    test("joins and leaves by the server are told as the client's own are") {
        val told = Channel<String>(Channel.UNLIMITED)
        withServer(module = {
            rooms(told) {
                onSubscribe { told.trySend("joined $topic") }
                onUnsubscribe { told.trySend("left $topic") }
            }
        }) {
            val client = PlainClient.connect(url())
            client.ask("""{"type":"ping"}""")
            val session = application.live.sessions.single()

            session.join("room/1")
            session.join("room/1")
            session.leave("room/1")
            session.leave("room/1")
            session.join("room/2")
            client.close()

            List(5) { told.next() } shouldBe
                listOf("joined room/1", "left room/1", "joined room/2", "left room/2", "closed 1000")
        }
    }

    test("a hook that hangs holds up neither the topic nor other sessions, and is stopped") {
        val told = Channel<String>(Channel.UNLIMITED)
        val began = CompletableDeferred<Unit>()
        withServer(module = {
            rooms(told) {
                onSubscribe {
                    if (!began.complete(Unit)) return@onSubscribe
                    try {
                        awaitCancellation()
                    } finally {
                        told.trySend("stopped")
                    }
                }
            }
        }) {
            val (slow, other) = List(2) { PlainClient.connect(url()) }

            slow.ask(subscribe(1)) shouldBe """{"type":"ack","topic":"room/1"}"""
            withTimeout(HANG_TIMEOUT) { began.await() }
            other.ask(subscribe(1))
            application.live.topic("room/1").publish(1)

            for (client in listOf(slow, other)) {
                client.next() shouldBe
                    """{"type":"message","topic":"room/1","data":1}"""
            }
            told.next() shouldBe "stopped"
            slow.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
        }
    }

    test("hooks that fail change nothing for the session, and do not keep each other from being told") {
        val told = Channel<String>(Channel.UNLIMITED)
        withServer(module = {
            rooms(told) {
                onSubscribe { reject("too late") }
                onUnsubscribe {
                    told.trySend("left")
                    error("boom")
                }
            }
        }) {
            val client = PlainClient.connect(url())

            for (room in 1..2) client.ask(subscribe(room)) shouldBe """{"type":"ack","topic":"room/$room"}"""
            client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
            client.close()

            List(3) { told.next() } shouldBe listOf("left", "left", "closed 1000")
        }
    }

    test("all the topics of a session that ends share the time of one handler") {
        val told = Channel<String>(Channel.UNLIMITED)
        withServer(module = {
            rooms(told) {
                onUnsubscribe {
                    told.trySend("left")
                    awaitCancellation()
                }
            }
        }) {
            val client = PlainClient.connect(url())
            for (room in 1..50) client.ask(subscribe(room))

            client.close()

            List(2) { told.next() } shouldBe listOf("left", "closed 1000")
        }
    }
})

private fun subscribe(room: Int) = """{"type":"subscribe","topic":"room/$room"}"""

private suspend fun Channel<String>.next(): String = withTimeout(HANG_TIMEOUT) { receive() }

private fun Application.rooms(told: Channel<String>, configure: TopicDeclaration<Unit, Int>.() -> Unit) {
    install(Live) { session { handlerTimeout = 300.milliseconds } }
    routing {
        live<Unit>("/live") {
            topic<Int>("room/{room}") { configure() }
            onClose { reason -> told.trySend("closed ${reason.code}") }
        }
    }
}
