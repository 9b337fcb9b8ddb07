package dev.live.server

import dev.live.protocol.Message
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.RawSocket
import dev.live.server.support.TestServer
import dev.live.server.support.amount
import dev.live.server.support.clientFrame
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope

/** Repetitions of each client burst. */
private val RUNS = amount(4, 200)

private const val BURST = 200

class BurstTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        for ((name, dispatcher) in handlers) {
            context("on $engine, with handlers on $name") {
                for (topic in listOf("plain", "handled", "crowded")) {
                    test("$BURST publishes in one TCP write to a $topic topic are acked and the session stays open") {
                        withServer(engine, { bursts(dispatcher) }) {
                            val crowd = if (topic == "crowded") List(40) { join(topic) } else emptyList()
                            repeat(RUNS) { burst(topic) }
                            crowd.forEach { it.close() }
                        }
                    }
                }

                test("requests in one TCP write receive replies in order") {
                    withServer(engine, { bursts(dispatcher) }) {
                        repeat(RUNS) {
                            val client = RawSocket.upgrade(port)
                            client.write(frames(List(BURST) { """{"type":"echo","ref":"$it","data":"$PADDING"}""" }))
                            List(BURST) { client.readText() } shouldContainExactly
                                List(BURST) { """{"type":"reply","ref":"$it","data":"$PADDING"}""" }
                            client.close()
                        }
                    }
                }
            }
        }

        test("a reading client receives 3000 messages that the server publishes at once, on $engine") {
            withServer(engine, { bursts() }) {
                val client = join("plain")
                val topic = application.live.topic("plain")

                repeat(3_000) { topic.publish("$it") }

                client.reads(3_000)
                client.close()
            }
        }

        test("many reading clients receive 3000 messages that the server publishes at once, on $engine") {
            withServer(engine, { bursts() }) {
                val clients = List(40) { join("plain") }
                val topic = application.live.topic("plain")
                coroutineScope {
                    val readers = clients.map { async(Dispatchers.IO) { it.reads(3_000) } }

                    repeat(3_000) { topic.publish("$it") }

                    readers.awaitAll()
                }
                clients.forEach { it.close() }
            }
        }

        test("a reading client receives 1000 messages that the server sends to its session at once, on $engine") {
            withServer(engine, { bursts() }) {
                val client = join("plain")
                val session = application.live.sessions.single().id

                repeat(1_000) { application.live.sendToSession(session, Message("n$it")) shouldBe true }

                List(1_000) { client.readText() } shouldContainExactly List(1_000) { """{"type":"n$it"}""" }
                client.close()
            }
        }
    }
})

private val handlers: List<Pair<String, CoroutineDispatcher?>> =
    listOf("the default dispatcher" to null, "Unconfined" to Dispatchers.Unconfined)

private val PADDING = "-".repeat(40)

private suspend fun TestServer.burst(topic: String) {
    val client = RawSocket.upgrade(port)
    val publishes = List(BURST) { """{"type":"publish","topic":"$topic","ref":"$it","data":"$PADDING"}""" }
    client.write(frames(listOf("""{"type":"subscribe","topic":"$topic","ref":"s"}""") + publishes))

    client.acks(BURST + 1) shouldContainExactly listOf("s") + List(BURST) { "$it" }

    client.close()
    val crowd = if (topic == "crowded") 40 else 0
    eventually(HANG_TIMEOUT) { application.live.topic(topic).subscribers shouldBe crowd }
}

/** The refs of the next [count] acks. Skips all other messages. */
private fun RawSocket.acks(count: Int): List<String> =
    generateSequence { readText() }
        .filter { it.startsWith("""{"type":"ack"""") }
        .map { it.substringAfter("\"ref\":\"").substringBefore('"') }
        .take(count)
        .toList()

private fun RawSocket.reads(count: Int) =
    repeat(count) { readText() shouldBe """{"type":"message","topic":"plain","data":"$it"}""" }

/** The next text; skips pings, which a busy machine makes the server send during a test. */
private fun RawSocket.readText(): String {
    while (true) {
        val (opcode, payload) = readFrame()
        if (opcode == PING) continue
        check(opcode == TEXT) { "expected a text frame, was opcode $opcode: ${payload.decodeToString()}" }
        return payload.decodeToString()
    }
}

private const val TEXT = 0x1
private const val PING = 0x9

private fun TestServer.join(topic: String): RawSocket {
    val socket = RawSocket.upgrade(port)
    socket.text("""{"type":"subscribe","topic":"$topic"}""")
    socket.readText() shouldBe """{"type":"ack","topic":"$topic"}"""
    return socket
}

private fun frames(messages: List<String>): ByteArray =
    messages.map { clientFrame(0x1, it.encodeToByteArray()) }.reduce(ByteArray::plus)

private fun Application.bursts(dispatcher: CoroutineDispatcher? = null) {
    install(Live) { if (dispatcher != null) session { handlerDispatcher = dispatcher } }
    routing {
        live<Unit>("/live") {
            topic<String>("plain")
            topic<String>("crowded")
            topic<String>("handled") { onPublish { broadcast(it) } }
            request<String, String>("echo") { it }
        }
    }
}
