package dev.live.server

import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.RawSocket
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.milliseconds

/** The guarantees of the protocol beyond its codes, tested over a real socket. */
class GuaranteesTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("messages of one session arrive in publish order at the publisher and at other subscribers") {
                withServer(engine, { rooms() }) {
                    val ann = joined()
                    val bob = joined()

                    for (number in 1..MESSAGES) ann.send(publish(number))

                    val expected = (1..MESSAGES).map { """{"type":"message","topic":"room/1","data":$it}""" }
                    List(MESSAGES) { ann.next() } shouldContainExactly expected
                    List(MESSAGES) { bob.next() } shouldContainExactly expected
                }
            }

            for (handlers in listOf(Dispatchers.IO, Dispatchers.Unconfined)) {
                test("requests of one session are handled one at a time, with replies in order, on $handlers") {
                    withServer(engine, { shouting(handlers) }) {
                        val client = PlainClient.connect(url())

                        for (name in listOf("a", "b", "c")) {
                            client.send("""{"type":"slow","ref":"$name","data":"$name"}""")
                        }

                        List(3) { client.next() } shouldContainExactly
                            listOf("a", "b", "c").map { """{"type":"reply","ref":"$it","data":"${it.uppercase()}"}""" }
                    }
                }
            }

            test("no message of a topic follows the ack of its unsubscribe") {
                withServer(engine, { rooms() }) {
                    val client = joined()
                    val other = joined()
                    val publisher = application.launch { while (true) other.publishAndWait() }
                    client.next()

                    client.send("""{"type":"unsubscribe","topic":"room/1","ref":"u"}""")
                    client.skipTo("""{"type":"ack","topic":"room/1","ref":"u"}""")
                    application.live.topic("room/1").subscribers shouldBe 1
                    publisher.cancelAndJoin()

                    client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
                }
            }

            test("an unsubscribe without a subscription is acked, and so is a second subscribe") {
                withServer(engine, { rooms() }) {
                    val client = PlainClient.connect(url())
                    client.ask("""{"type":"unsubscribe","topic":"room/1","ref":"a"}""") shouldContain """"type":"ack""""
                    client.ask("""{"type":"subscribe","topic":"room/1","ref":"b"}""") shouldContain """"type":"ack""""
                    client.ask("""{"type":"subscribe","topic":"room/1","ref":"c"}""") shouldBe
                        """{"type":"ack","topic":"room/1","ref":"c"}"""
                    application.live.topic("room/1").subscribers shouldBe 1
                }
            }

            test("a publish without a ref is not acked") {
                withServer(engine, { rooms() }) {
                    val client = joined()

                    client.send(publish(1))

                    client.next() shouldContain """"type":"message""""
                    client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
                }
            }

            test("a message of exactly the maximum size is accepted, one byte more closes the session") {
                withServer(engine, { rooms() }) {
                    val client = RawSocket.upgrade(port)
                    val rest = 65_536 - """{"type":"ping","x":""}""".length

                    client.frame(0x1, """{"type":"ping","x":"${"a".repeat(rest - 1)}"}""".toByteArray())
                    client.readFrame().second.decodeToString() shouldBe """{"type":"pong"}"""
                    // three fragments count as one message
                    client.frame(0x1, ByteArray(30_000), fin = false)
                    client.frame(0x0, ByteArray(30_000), fin = false)
                    client.frame(0x0, ByteArray(5_537))

                    client.readCloseCode() shouldBe 1009
                }
            }

            test("a session can subscribe to 100 topics, the next subscribe is rejected") {
                withServer(engine, { rooms() }) {
                    val client = PlainClient.connect(url())
                    repeat(100) { client.ask("""{"type":"subscribe","topic":"room/$it"}""") shouldContain "ack" }

                    client.ask("""{"type":"subscribe","topic":"room/100"}""") shouldContain "too_many_topics"
                }
            }

            test("a burst of 200 messages is accepted, messages beyond it are rate limited") {
                withServer(engine, { rooms() }) {
                    val client = RawSocket.upgrade(port)

                    repeat(250) { client.text("""{"type":"ping"}""") }

                    val replies = List(250) { client.readFrame().second.decodeToString() }
                    replies.take(200).all { "pong" in it } shouldBe true
                    (replies.count { "rate_limited" in it } > 0) shouldBe true
                }
            }

            test("the server replies to a ping frame with its payload") {
                withServer(engine, { rooms() }) {
                    val client = RawSocket.upgrade(port)

                    client.frame(0x9, "hello".toByteArray())

                    val (opcode, payload) = client.readFrame()
                    opcode to payload.decodeToString() shouldBe (0xA to "hello")
                }
            }

            test("the server pings a silent client and keeps the session while pongs arrive") {
                withServer(engine, {
                    install(Live) {
                        heartbeat {
                            interval = 100.milliseconds
                            timeout = 400.milliseconds
                        }
                    }
                    routing { live<Unit>("/live") }
                }) {
                    val client = RawSocket.upgrade(port)

                    repeat(8) {
                        val (opcode, _) = client.readFrame()
                        opcode shouldBe 0x9
                        client.frame(0xA, ByteArray(0))
                    }

                    application.live.sessions.size shouldBe 1
                    client.readCloseCode() shouldBe 4408 // no more pongs are sent
                }
            }

            test("frames that violate RFC 6455 close with 1002") {
                withServer(engine, { rooms() }) {
                    val top = byteArrayOf(0x81.toByte(), 0xFF.toByte(), 0x80.toByte(), 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4)
                    val violations =
                        mapOf<String, RawSocket.() -> Unit>(
                            "unmasked" to { frame(0x1, "{}".toByteArray(), mask = null) },
                            "a reserved bit" to { frame(0x1, "{}".toByteArray(), rsv = 4) },
                            "a length with the top bit set" to { write(top) },
                            "an unknown opcode" to { frame(0x3, ByteArray(0)) },
                            "a continuation without a first frame" to { frame(0x0, ByteArray(0)) },
                            "a fragmented ping" to { frame(0x9, ByteArray(0), fin = false) },
                        )
                    for ((name, violate) in violations) {
                        val client = RawSocket.upgrade(port)
                        client.violate()
                        (name to client.readCloseCode()) shouldBe (name to 1002)
                    }
                    eventually(HANG_TIMEOUT) { application.live.sessions.shouldBeEmpty() }
                }
            }
        }
    }
})

private const val MESSAGES = 150

private suspend fun TestServer.joined(): PlainClient {
    val client = PlainClient.connect(url())
    client.ask("""{"type":"subscribe","topic":"room/1"}""") shouldBe """{"type":"ack","topic":"room/1"}"""
    return client
}

/** Publishes and waits for the message, so that it never publishes faster than all subscribers read. */
private suspend fun PlainClient.publishAndWait() {
    send(publish(1))
    next()
}

private suspend fun PlainClient.skipTo(message: String) {
    do {
        val next = next()
    } while (next != message)
}

private fun publish(number: Int) = """{"type":"publish","topic":"room/1","data":$number}"""

private fun Application.shouting(handlers: CoroutineDispatcher) {
    val running = CopyOnWriteArrayList<String>()
    install(Live) { session { handlerDispatcher = handlers } }
    routing {
        live<Unit>("/live") {
            request<String, String>("slow") { name ->
                running += name
                delay(20.milliseconds) // a slow handler, so that the requests overlap if they are not serialized
                check(running.single() == name)
                running.clear()
                name.uppercase()
            }
        }
    }
}

private fun Application.rooms() {
    install(Live)
    routing { live<Unit>("/live") { topic<Int>("room/{room}") } }
}
