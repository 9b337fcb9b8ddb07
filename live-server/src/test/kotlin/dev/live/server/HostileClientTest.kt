package dev.live.server

import dev.live.server.support.Engine
import dev.live.server.support.PlainClient
import dev.live.server.support.RawSocket
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import java.io.IOException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit

/** Clients and handlers that try to exhaust resources or to harm other clients. */
class HostileClientTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        context("on $engine") {
            test("a flood of pings ends the session that sends it") {
                withServer(engine, { tokens() }) {
                    val client = RawSocket.upgrade(port, "/open")
                    coroutineScope {
                        launch(Dispatchers.IO) { client.flood() }

                        client.readCloseCode() shouldBe 4429
                        client.close()
                    }
                }
            }

            test("a token refresh with another user's token ends the session") {
                withServer(engine, { tokens() }) {
                    val client = PlainClient.connect(url("/token"))
                    client.ask("""{"type":"auth","data":{"token":"ann"}}""") shouldBe """{"type":"ack"}"""

                    client.ask("""{"type":"auth","data":{"token":"bob"}}""") shouldContain "forbidden"

                    client.closed().first shouldBe 4401
                    application.live.sessionsOf("bob").size shouldBe 0
                }
            }

            test("before authentication a client receives errors and may retry, within limits") {
                withServer(engine, { tokens() }) {
                    val client = PlainClient.connect(url("/token"))
                    client.ask("nonsense") shouldContain "bad_message"
                    client.ask("""{"type":"ping","ref":"r"}""") shouldContain """"ref":"r","data":{"code":"forbidden""""
                    client.ask("""{"type":"auth","data":{"token":"ann"}}""") shouldBe """{"type":"ack"}"""

                    val repeating = PlainClient.connect(url("/token"))
                    repeat(10) { repeating.send("nonsense") }
                    repeating.closed().first shouldBe 4400

                    val large = PlainClient.connect(url("/token"))
                    large.send("x".repeat(70_000))
                    large.closed().first shouldBe 1009

                    val closing = PlainClient.connect(url("/token"))
                    closing.close()
                    closing.closed().first shouldBe 1000
                }
            }

            test("handlers that block their threads do not delay delivery to other sessions") {
                val release = CountDownLatch(1)
                withServer(engine, { blocking(release) }) {
                    val reader = PlainClient.connect(url())
                    reader.ask("""{"type":"subscribe","topic":"t"}""") shouldContain "ack"
                    repeat(Runtime.getRuntime().availableProcessors() * 2) {
                        PlainClient.connect(url()).send("""{"type":"block"}""")
                    }

                    application.live.topic("t").publish(1)

                    reader.next() shouldContain """"data":1"""
                    release.countDown()
                }
            }

            test("all messages sent in onOpen arrive, regardless of their number") {
                withServer(engine, {
                    install(Live)
                    routing {
                        live<Unit>("/live") {
                            onOpen { repeat(1_000) { session.send(dev.live.protocol.Message("hello", ref = "$it")) } }
                        }
                    }
                }) {
                    val client = PlainClient.connect(url())

                    repeat(1_000) { client.next() shouldBe """{"type":"hello","ref":"$it"}""" }
                }
            }
        }
    }
})

private fun RawSocket.flood() {
    try {
        repeat(100_000) { frame(0x9, ByteArray(0)) }
    } catch (_: IOException) {
        // the server closed the connection
    }
}

private fun Application.tokens() {
    install(Live)
    routing {
        live<Unit>("/open")
        live<String>("/token") {
            authenticateByMessage { token -> token.takeIf { it == "ann" || it == "bob" } }
            user { it }
        }
    }
}

private fun Application.blocking(release: CountDownLatch) {
    install(Live)
    routing {
        live<Unit>("/live") {
            topic<Int>("t")
            onMessage { release.await(2, TimeUnit.MINUTES) }
        }
    }
}
