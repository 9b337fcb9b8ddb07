package dev.live.server

import dev.live.protocol.ErrorCode
import dev.live.protocol.Message
import dev.live.server.session.CloseReason
import dev.live.server.support.Engine
import dev.live.server.support.EventClient
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.TestServer
import dev.live.server.support.encoded
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.longs.shouldBeInRange
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.jsonPrimitive
import kotlin.time.Clock
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Topics as server-sent events, for clients without WebSockets. */
class ServerSentEventsTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("publications arrive as events, with headers that prevent proxy buffering") {
                withServer(engine, { rooms() }) {
                    val ann = EventClient.open(this, "/live/sse?topic=room/1")

                    ann.status shouldBe 200
                    ann.header("Content-Type") shouldBe "text/event-stream"
                    ann.header("Cache-Control") shouldBe "no-store"
                    ann.header("X-Accel-Buffering") shouldBe "no"
                    ann.nextRetry() shouldBeInRange 3_000L..6_000L
                    ann.next().data shouldBe """{"type":"ack","topic":"room/1","ref":"~sse"}"""
                    for (number in 1..100) application.live.topic("room/1").publish(number)
                    List(100) { ann.next().data } shouldContainExactly
                        (1..100).map { """{"type":"message","topic":"room/1","data":$it}""" }
                    ann.close()
                }
            }

            test("a client that resumes with Last-Event-ID receives each missed message exactly once") {
                withServer(engine, { rooms() }) {
                    val ann = EventClient.open(this, "/live/sse?topic=kept/1")
                    val ack = ann.next()
                    ack.data shouldContain """"offset":0,"recovered":false"""
                    for (number in 1..3) application.live.topic("kept/1").publish(number)
                    val last = List(2) { ann.next() }.last().id
                    ann.close()

                    val again = EventClient.open(this, "/live/sse?topic=kept/1", "Last-Event-ID" to last.orEmpty())

                    val resumed = again.next()
                    resumed.data shouldContain """"offset":3,"recovered":true"""
                    resumed.id shouldBe last // the missed messages follow the ack
                    application.live.topic("kept/1").publish(4)
                    List(2) { again.next() }.map { it.data to it.id } shouldContainExactly
                        (3..4).map {
                            """{"type":"message","topic":"kept/1","data":$it,"offset":$it}""" to
                                last?.replace(":2", ":$it")
                        }
                    again.close()
                }
            }

            test("a client that disconnects is detected at once and unsubscribed") {
                val reasons = Channel<CloseReason>(Channel.UNLIMITED)
                withServer(engine, { rooms(reasons) }) {
                    val ann = EventClient.open(this, "/live/sse?topic=room/1")
                    ann.next()

                    ann.close()

                    withTimeout(HANG_TIMEOUT) { reasons.receive() }.code.wire shouldBe 1006
                    application.live.topic("room/1").subscribers shouldBe 0
                    eventually(HANG_TIMEOUT) { application.live.stats.connections shouldBe 0 }
                }
            }

            test("a drain sends goodbye, the close reason and the retry delay") {
                withServer(engine, { rooms() }) {
                    val ann = EventClient.open(this, "/live/sse?topic=room/1")
                    ann.next()

                    stop()

                    ann.next().data shouldContain """"type":"goodbye","data":{"code":1012"""
                    val close = ann.next()
                    close.name shouldBe "close"
                    close.data shouldBe """{"code":1012,"reason":"server restart"}"""
                    checkNotNull(close.retry) shouldBeInRange 100L..200L
                }
            }

            test("comments keep an idle stream open beyond the heartbeat timeout, without pongs") {
                val beats = mapOf("live.heartbeat.interval" to "100ms", "live.heartbeat.timeout" to "400ms")
                withServer(engine, { rooms() }, beats) {
                    val ann = EventClient.open(this, "/live/sse?topic=room/1")
                    ann.next()

                    ann.awaitComments(12) // three timeouts

                    application.live.topic("room/1").publish(1)
                    ann.next().data shouldContain """"data":1"""
                    ann.close()
                }
            }
        }
    }

    test("an evicted event id or another epoch is reported as not recovered") {
        withServer(Engine.Netty, { rooms() }) {
            val topic = application.live.topic("kept/1")
            for (number in 1..5) topic.publish(number)
            val position = topic.history().position

            for (id in listOf("${position.epoch}:1", "another:4", "another:99")) {
                val ann = EventClient.open(this, "/live/sse?topic=kept/1&lastEventId=$id")
                val ack = ann.next()
                ack.data shouldContain """"epoch":"${position.epoch}","offset":5,"recovered":false"""
                ack.id shouldBe position.toString()
                ann.close()
            }
        }
    }

    test("the newest of several event ids is used, and an empty id is ignored") {
        withServer(Engine.Netty, { rooms() }) {
            val topic = application.live.topic("kept/1")
            for (number in 1..3) topic.publish(number)
            val epoch = topic.history().position.epoch
            val requests =
                listOf(
                    "&lastEventId=$epoch:1&lastEventId=$epoch:2" to null,
                    "&lastEventId=$epoch:2&lastEventId=$epoch:1" to null,
                    "&lastEventId=$epoch:2" to "",
                    "&lastEventId=&lastEventId=$epoch:2" to null,
                    "&lastEventId=$epoch:1" to "$epoch:2",
                    "&lastEventId=$epoch:2" to "$epoch:1",
                    "&lastEventId=another:7" to "$epoch:2",
                )

            for ((query, header) in requests) {
                val headers = listOfNotNull(header?.let { "Last-Event-ID" to it }).toTypedArray()
                val ann = EventClient.open(this, "/live/sse?topic=kept/1$query", *headers)
                withClue("$query and $header") {
                    ann.next().data shouldContain """"recovered":true"""
                    ann.next().data shouldContain """"data":3"""
                }
                ann.close()
            }
            val both = EventClient.open(this, "/live/sse?topic=kept/1&lastEventId=one:1&lastEventId=two:2")
            both.status shouldBe 400
            both.text() shouldContain "lastEventId occurred 2 times with different epochs; send the newest one only"
        }
    }

    test("an invalid request receives its status, with the error in the body") {
        withServer(Engine.Cio, { rooms() }) {
            val epoch = application.live.topic("kept/1").apply { publish(1) }.history().position.epoch
            val requests =
                listOf(
                    "" to "400 bad_payload topic must occur once, as in ?topic=room/lobby, occurred 0 times",
                    "?topic=room/1&topic=room/2" to
                        "400 bad_payload topic must occur once, as in ?topic=room/lobby, occurred 2 times",
                    "?topic=" to "400 bad_payload topic must not be empty",
                    "?topic=room%00" to "400 bad_payload topic must not contain control characters",
                    "?topic=kept/1&lastEventId=7" to
                        "400 bad_payload the last event id must be an id from this server, in the form epoch:offset",
                    "?topic=kept/1&lastEventId=$epoch:-1" to "400 bad_payload offset must not be negative, was -1",
                    "?topic=kept/1&lastEventId=:1" to "400 bad_payload epoch must be 1 to 64 bytes",
                    "?topic=kept/1&lastEventId=$epoch:9" to
                        "400 bad_payload offset must be at most 1, the topic's newest, was 9",
                    "?topic=room/1&params={" to "400 bad_payload params must be JSON: ",
                    "?topic=room/secret" to "403 forbidden this session is not authorized for the topic",
                    "?topic=room/rejected" to "429 rate_limited not so fast",
                    "?topic=elsewhere" to "404 unknown_topic no declared topic matches this name",
                    "?topic=room/broken" to "500 internal internal error, log id ",
                    "?topic=room/1&name=stranger" to "401 unauthorized Not authenticated.",
                    "?topic=room/1&name=banned" to "403 forbidden go away",
                    "?topic=room/1&name=late" to "401 unauthorized token expired",
                )

            for ((query, expected) in requests) {
                val response = EventClient.open(this, "/live/sse" + query.replace("{", "%7B"))
                val (status, code, message) = expected.split(' ', limit = 3)
                response.status shouldBe status.toInt()
                response.text() shouldContain """{"error":{"code":"$code","message":"$message"""
            }
            application.live.sessions.size shouldBe 0
        }
    }

    test("a page of another origin receives 403") {
        withServer(Engine.Netty, { rooms() }) {
            val foreign = RawRequest("/live/sse?topic=room/1", "Origin: https://evil.example").send(this)

            foreign shouldContain "403 Forbidden"
        }
    }

    test("a session over the per-user limit receives 503, other users do not") {
        withServer(Engine.Netty, { rooms() }, mapOf("live.limits.maxSessionsPerUser" to "1")) {
            val ann = EventClient.open(this, "/live/sse?topic=room/1&name=ann")
            ann.next()

            val annAgain = EventClient.open(this, "/live/sse?topic=room/1&name=ann")
            val bob = EventClient.open(this, "/live/sse?topic=room/1&name=bob")

            annAgain.status shouldBe 503
            annAgain.text() shouldContain "session limit reached: at most 1 sessions per user"
            bob.next()
            ann.close()
            bob.close()
        }
    }

    test("a connection over the limit receives 503 with Retry-After") {
        withServer(Engine.Netty, { rooms() }, mapOf("live.limits.maxConnections" to "1")) {
            val ann = EventClient.open(this, "/live/sse?topic=room/1&name=ann")
            ann.next()

            val oneTooMany = EventClient.open(this, "/live/sse?topic=room/1&name=eve")

            oneTooMany.status shouldBe 503
            oneTooMany.header("Retry-After") shouldBe "5"
            ann.close()
        }
    }

    test("a session of a stream has hooks, params and a user like any other, and can be kicked") {
        val reasons = Channel<CloseReason>(Channel.UNLIMITED)
        withServer(Engine.Netty, { rooms(reasons) }) {
            val params = encoded("""{"code":"letmein"}""")
            val ann = EventClient.open(this, "/live/sse?topic=room/locked&params=$params&name=ann")
            ann.next().data shouldContain """"type":"ack""""
            ann.next().data shouldBe """{"type":"welcome","topic":"room/locked"}"""
            application.live.sendToUser("ann", Message("note")) shouldBe 1
            ann.next().data shouldBe """{"type":"note"}"""

            application.live.kickUser("ann", "enough")

            val close = ann.next()
            close.name shouldBe "close"
            close.data shouldBe """{"code":4403,"reason":"enough"}"""
            close.retry shouldBe 3_600_000 // in case the page does not close the stream
            ann.isEnded() shouldBe true
            withTimeout(HANG_TIMEOUT) { reasons.receive() }.code.wire shouldBe 4403
        }
    }

    test("events of another topic that the server subscribes the session to have no id") {
        withServer(Engine.Netty, { rooms() }) {
            val ann = EventClient.open(this, "/live/sse?topic=kept/1&name=ann")
            val position = checkNotNull(ann.next().id)

            application.live.sessionsOf("ann").single().subscribe("kept/2")
            application.live.topic("kept/2").publish(1)
            application.live.topic("kept/1").publish(2)

            List(3) { ann.next() }.map { it.data to it.id } shouldContainExactly
                listOf(
                    joined("kept/2", application.live.topic("kept/2").history().position.epoch) to null,
                    """{"type":"message","topic":"kept/2","data":1,"offset":1}""" to null,
                    """{"type":"message","topic":"kept/1","data":2,"offset":1}""" to position.replace(":0", ":1"),
                )
            ann.close()
        }
    }

    test("a stream and a WebSocket share a topic") {
        withServer(Engine.Netty, { rooms() }) {
            val ann = EventClient.open(this, "/live/sse?topic=room/1")
            ann.next()
            val bob = PlainClient.connect(url() + "?name=bob")
            bob.ask("""{"type":"subscribe","topic":"room/1","ref":"a"}""")

            bob.send("""{"type":"publish","topic":"room/1","data":7}""")

            ann.next().data shouldBe bob.next()
            application.live.topic("room/1").subscribers shouldBe 2
            ann.close()
            bob.close()
        }
    }

    test("an endpoint without serverSentEvents returns 404, and serverSentEvents requires JSON") {
        withServer(Engine.Netty, { rooms() }) {
            EventClient.open(this, "/plain/sse?topic=room/1").status shouldBe 404
        }
        val failure =
            shouldThrow<IllegalStateException> {
                withServer(
                    Engine.Netty,
                    {
                        install(Live) { codecs(dev.live.protocol.CborCodec) }
                        routing { live<Unit>("/live") { serverSentEvents() } }
                    },
                ) {}
            }
        failure.message shouldContain "Add it: codecs(JsonCodec, ...)"
    }

    test("a cross-site request without Origin is rejected by Sec-Fetch-Site") {
        withServer(Engine.Netty, { rooms() }) {
            for (site in listOf("cross-site", "same-site")) {
                val response = EventClient.open(this, "/live/sse?topic=room/1&name=ann", "Sec-Fetch-Site" to site)
                response.status shouldBe 403
                response.text() shouldContain "Cross-site requests are not allowed (Sec-Fetch-Site: $site)."
            }
            for (site in listOf("same-origin", "none")) {
                val own = EventClient.open(this, "/live/sse?topic=room/1&name=ann", "Sec-Fetch-Site" to site)
                own.status shouldBe 200
                own.close()
            }
        }
    }
})

private fun joined(topic: String, epoch: String) =
    """{"type":"subscribe","topic":"$topic","data":{"epoch":"$epoch","offset":0,"recovered":false}}"""

/** A request with headers that the JDK's client restricts. */
private class RawRequest(private val path: String, private val header: String) {
    fun send(server: TestServer): String =
        java.net.Socket("127.0.0.1", server.port).use { socket ->
            socket.soTimeout = HANG_TIMEOUT.inWholeMilliseconds.toInt()
            val head = "GET $path HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n$header\r\nConnection: close\r\n\r\n"
            socket.getOutputStream().write(head.toByteArray())
            socket.getInputStream().bufferedReader().readLine()
        }
}

private fun Application.rooms(reasons: Channel<CloseReason>? = null) {
    install(Live) { drain { reconnectWindow = 100.milliseconds..200.milliseconds } }
    routing {
        live<String>("/live") {
            serverSentEvents()
            authenticate { call -> (call.request.queryParameters["name"] ?: "anonymous").takeIf { it != "stranger" } }
            user { name -> name.takeIf { it != "anonymous" } }
            expires { name -> if (name == "late") Clock.System.now() - 1.seconds else null }
            onOpen { if (meta == "banned") session.kick("go away") }
            onClose { reason -> reasons?.trySend(reason) }
            topic<Int>("kept/{room}") { history(3) }
            topic<Int>("room/{room}") {
                authorize {
                    when (parameters["room"]) {
                        "secret" -> false
                        "rejected" -> reject("not so fast", ErrorCode.RateLimited)
                        "broken" -> error("broken on purpose")
                        "locked" -> (params as? Map<*, *>)?.get("code").let {
                            it as? kotlinx.serialization.json.JsonElement
                        }
                            ?.jsonPrimitive?.content == "letmein"
                        else -> true
                    }
                }
                onSubscribe {
                    if (params != null ||
                        parameters["room"] == "locked"
                    ) {
                        session.send(Message("welcome", topic))
                    }
                }
            }
        }
        live<Unit>("/plain") { topic<Int>("room/{room}") }
    }
}
