package dev.live.server

import dev.live.server.support.CapturedLogs
import dev.live.server.support.Engine
import dev.live.server.support.EventClient
import dev.live.server.support.PlainClient
import dev.live.server.support.RawSocket
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.http.ContentType
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.plugins.compression.Compression
import io.ktor.server.plugins.compression.gzip
import io.ktor.server.plugins.compression.matchContentType
import io.ktor.server.plugins.compression.minimumSize
import io.ktor.server.plugins.statuspages.StatusPages
import io.ktor.server.response.respondText
import io.ktor.server.routing.routing
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/** Event streams and WebSocket closes with plugins that intercept every response (Ktor 3.5.1). */
class ResponsePluginsTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("an event stream is not compressed, so its events are not held back") {
                withServer(engine, { compressed() }) {
                    val ann = EventClient.open(this, "/live/sse?topic=room/1", "Accept-Encoding" to "gzip, deflate, br")

                    ann.header("Content-Encoding") shouldBe null
                    ann.next().data shouldContain """"type":"ack""""
                    application.live.topic("room/1").publish(1)
                    ann.next().data shouldContain """"data":1"""
                    ann.close()
                }
            }

            test("a client that closes its stream raises nothing in StatusPages and logs nothing") {
                val exceptions = ConcurrentLinkedQueue<Throwable>()
                withServer(engine, { withStatusPages(exceptions) }) {
                    CapturedLogs().use { logs ->
                        repeat(20) { number ->
                            val ann = EventClient.open(this, "/live/sse?topic=room/$number")
                            ann.next()
                            ann.close()
                        }
                        awaitNoConnections()

                        exceptions.shouldBeEmpty()
                        logs.lines.filterNot { it.startsWith("INFO") }.shouldBeEmpty()
                    }
                }
            }

            test("a WebSocket that ends in any way raises nothing in StatusPages and logs nothing") {
                val exceptions = ConcurrentLinkedQueue<Throwable>()
                withServer(engine, { withStatusPages(exceptions) }) {
                    CapturedLogs().use { logs ->
                        PlainClient.connect(url()).close()
                        RawSocket.upgrade(port).close()
                        RawSocket.upgrade(port).reset()
                        val ann = PlainClient.connect(url() + "?name=ann")
                        // the session starts some time after the client receives its 101
                        eventually(1.minutes) { application.live.kickUser("ann", "enough") shouldBe 1 }
                        ann.closed().first shouldBe 4403
                        awaitNoConnections()

                        exceptions.shouldBeEmpty()
                        logs.lines.filterNot { it.startsWith("INFO") }.shouldBeEmpty()
                    }
                }
            }

            test("a stream closed by the server raises nothing in StatusPages") {
                val exceptions = ConcurrentLinkedQueue<Throwable>()
                withServer(engine, { withStatusPages(exceptions) }) {
                    val ann = EventClient.open(this, "/live/sse?topic=room/1&name=ann")
                    ann.next()
                    val bob = EventClient.open(this, "/live/sse?topic=room/1&name=bob")
                    bob.next()

                    application.live.kickUser("ann", "enough") shouldBe 1
                    ann.next().name shouldBe "close"
                    ann.isEnded() shouldBe true
                    stop()
                    bob.next().data shouldContain "goodbye"

                    exceptions.shouldBeEmpty()
                }
            }
        }
    }
})

private suspend fun TestServer.awaitNoConnections() =
    eventually(1.minutes) { application.live.stats.connections shouldBe 0 }

private fun Application.compressed() {
    install(Compression) {
        gzip {
            minimumSize(1)
            matchContentType(ContentType.Text.Any, ContentType.Application.Any)
        }
    }
    rooms()
}

private fun Application.withStatusPages(exceptions: ConcurrentLinkedQueue<Throwable>) {
    install(StatusPages) {
        exception<Throwable> { call, cause ->
            exceptions += cause
            call.respondText("failed", status = HttpStatusCode.InternalServerError)
        }
    }
    rooms()
}

private fun Application.rooms() {
    install(Live) { drain { reconnectWindow = 100.milliseconds..200.milliseconds } }
    routing {
        live<String>("/live") {
            serverSentEvents()
            authenticate { call -> call.request.queryParameters["name"] ?: "anonymous" }
            user { it }
            topic<Int>("room/{room}")
        }
    }
}
