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

/** The hooks onSubscribe and onUnsubscribe, over a real socket. */
class TopicHooksTest : FunSpec({

    for (engine in Engine.usual) {
        test(
            "on $engine onSubscribe runs after a subscribe, onUnsubscribe after an unsubscribe or the session's end",
        ) {
            val calls = Channel<String>(Channel.UNLIMITED)
            withServer(engine, {
                rooms(calls) {
                    onSubscribe { calls.trySend("$topic ${parameters["room"]} joined, ${session.topics.size} in all") }
                    onUnsubscribe {
                        calls.trySend("$topic left, open: ${session.isOpen}, ${session.topics.size} remain")
                    }
                }
            }) {
                val client = PlainClient.connect(url())

                for (room in 1..3) client.ask(subscribe(room))
                client.ask("""{"type":"unsubscribe","topic":"room/2"}""")
                List(4) { calls.next() } shouldBe
                    listOf(
                        "room/1 1 joined, 1 in all",
                        "room/2 2 joined, 2 in all",
                        "room/3 3 joined, 3 in all",
                        "room/2 left, open: true, 2 remain",
                    )
                client.close()

                List(2) { calls.next() } shouldContainExactlyInAnyOrder
                    listOf("room/1 left, open: false, 0 remain", "room/3 left, open: false, 0 remain")
                calls.next() shouldBe "closed 1000"
            }
        }
    }

    test("a second subscribe, or an unsubscribe without a subscription, runs no hook") {
        val calls = Channel<String>(Channel.UNLIMITED)
        withServer(module = {
            rooms(calls) {
                onSubscribe { calls.trySend("joined") }
                onUnsubscribe { calls.trySend("left") }
            }
        }) {
            val client = PlainClient.connect(url())

            repeat(2) { client.ask(subscribe(1)) }
            repeat(2) { client.ask("""{"type":"unsubscribe","topic":"room/1"}""") }
            client.ask("""{"type":"unsubscribe","topic":"room/2"}""")
            client.close()

            List(3) { calls.next() } shouldBe listOf("joined", "left", "closed 1000")
        }
    }

    test("subscribes and unsubscribes by the server run the hooks too") {
        val calls = Channel<String>(Channel.UNLIMITED)
        withServer(module = {
            rooms(calls) {
                onSubscribe { calls.trySend("joined $topic") }
                onUnsubscribe { calls.trySend("left $topic") }
            }
        }) {
            val client = PlainClient.connect(url())
            client.ask("""{"type":"ping"}""")
            val session = application.live.sessions.single()

            session.subscribe("room/1")
            session.subscribe("room/1")
            session.unsubscribe("room/1")
            session.unsubscribe("room/1")
            session.subscribe("room/2")
            client.close()

            List(5) { calls.next() } shouldBe
                listOf("joined room/1", "left room/1", "joined room/2", "left room/2", "closed 1000")
        }
    }

    test("a hook that hangs delays neither the topic nor other sessions, and is cancelled") {
        val calls = Channel<String>(Channel.UNLIMITED)
        val started = CompletableDeferred<Unit>()
        withServer(module = {
            rooms(calls) {
                onSubscribe {
                    if (!started.complete(Unit)) return@onSubscribe
                    try {
                        awaitCancellation()
                    } finally {
                        calls.trySend("stopped")
                    }
                }
            }
        }) {
            val (slow, other) = List(2) { PlainClient.connect(url()) }

            slow.ask(subscribe(1)) shouldBe """{"type":"ack","topic":"room/1"}"""
            withTimeout(HANG_TIMEOUT) { started.await() }
            other.ask(subscribe(1))
            application.live.topic("room/1").publish(1)

            for (client in listOf(slow, other)) {
                client.next() shouldBe
                    """{"type":"message","topic":"room/1","data":1}"""
            }
            calls.next() shouldBe "stopped"
            slow.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
        }
    }

    test("a failing hook does not affect the session or the other hooks") {
        val calls = Channel<String>(Channel.UNLIMITED)
        withServer(module = {
            rooms(calls) {
                onSubscribe { reject("too late") }
                onUnsubscribe {
                    calls.trySend("left")
                    error("boom")
                }
            }
        }) {
            val client = PlainClient.connect(url())

            for (room in 1..2) client.ask(subscribe(room)) shouldBe """{"type":"ack","topic":"room/$room"}"""
            client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
            client.close()

            List(3) { calls.next() } shouldBe listOf("left", "left", "closed 1000")
        }
    }

    test("the hooks for all topics of an ending session share one handler timeout") {
        val calls = Channel<String>(Channel.UNLIMITED)
        withServer(module = {
            rooms(calls) {
                onUnsubscribe {
                    calls.trySend("left")
                    awaitCancellation()
                }
            }
        }) {
            val client = PlainClient.connect(url())
            for (room in 1..50) client.ask(subscribe(room))

            client.close()

            List(2) { calls.next() } shouldBe listOf("left", "closed 1000")
        }
    }
})

private fun subscribe(room: Int) = """{"type":"subscribe","topic":"room/$room"}"""

private suspend fun Channel<String>.next(): String = withTimeout(HANG_TIMEOUT) { receive() }

private fun Application.rooms(calls: Channel<String>, configure: TopicDeclaration<Unit, Int>.() -> Unit) {
    install(Live) { session { handlerTimeout = 300.milliseconds } }
    routing {
        live<Unit>("/live") {
            topic<Int>("room/{room}") { configure() }
            onClose { reason -> calls.trySend("closed ${reason.code}") }
        }
    }
}
