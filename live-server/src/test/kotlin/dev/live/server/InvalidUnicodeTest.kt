package dev.live.server

import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.Message
import dev.live.server.observe.TraceContext
import dev.live.server.session.CloseReason
import dev.live.server.support.EventClient
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.get
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldStartWith
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject

/** A valid Kotlin string that UTF-8 cannot encode: it ends in a lone surrogate, as truncation can produce. */
private val CUT = "ab🌸".take(3)

/** The maximum nesting of a payload. The presence state wraps it in three more levels. */
private val DEEP = Json.parseToJsonElement("[".repeat(64) + "]".repeat(64))

/** [CUT] after repair: the lone surrogate becomes U+FFFD. */
private const val REPAIRED = "ab\uFFFD"

class InvalidUnicodeTest : FunSpec({

    test("a presence key with a lone surrogate fails only that subscribe") {
        withServer(module = { texts() }) {
            val watcher = PlainClient.connect(url("/live?name=watcher"))
            watcher.ask("""{"type":"subscribe","topic":"people"}""") shouldBe """{"type":"ack","topic":"people"}"""
            watcher.next() shouldBe presence("""{"state":{"watcher":[null]}}""")

            val cut = PlainClient.connect(url("/live?name=cut"))
            cut.ask("""{"type":"subscribe","topic":"people","ref":"1"}""") shouldContain """"code":"internal""""
            cut.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
            val bob = PlainClient.connect(url("/live?name=bob"))
            bob.ask("""{"type":"subscribe","topic":"people"}""") shouldBe """{"type":"ack","topic":"people"}"""

            watcher.next() shouldBe presence("""{"joins":{"bob":[null]}}""")
            bob.next() shouldBe presence("""{"state":{"watcher":[null],"bob":[null]}}""")
        }
    }

    test("presence info at the maximum nesting fails only that subscribe") {
        withServer(module = { texts() }) {
            val watcher = PlainClient.connect(url("/live?name=watcher"))
            watcher.ask("""{"type":"subscribe","topic":"people"}""")
            watcher.next() shouldBe presence("""{"state":{"watcher":[null]}}""")

            val deep = PlainClient.connect(url("/live?name=deep"))
            deep.ask("""{"type":"subscribe","topic":"people","ref":"1"}""") shouldContain """"code":"bad_payload""""
            val bob = PlainClient.connect(url("/live?name=bob"))
            bob.ask("""{"type":"subscribe","topic":"people"}""") shouldBe """{"type":"ack","topic":"people"}"""

            watcher.next() shouldBe presence("""{"joins":{"bob":[null]}}""")
        }
    }

    for (
    (source, message) in listOf(
        "authorize" to """{"type":"subscribe","topic":"rejected","ref":"1"}""",
        "onPublish" to """{"type":"publish","topic":"open","ref":"1","data":"x"}""",
        "a request" to """{"type":"ask","ref":"1"}""",
        "an interceptor" to """{"type":"intercepted","ref":"1"}""",
    )
    ) {
        test("a lone surrogate in a reason of $source is replaced, and the session continues") {
            withServer(module = { texts() }) {
                val client = PlainClient.connect(url())

                client.ask(message) shouldContain """"data":{"code":"bad_payload","reason":"half $REPAIRED"}"""

                client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
            }
        }
    }

    test("a lone surrogate in an error code is replaced, and the session continues") {
        withServer(module = { texts() }) {
            val client = PlainClient.connect(url())

            client.ask("""{"type":"code","ref":"1"}""") shouldContain """"data":{"code":"$REPAIRED","reason":"why"}"""

            client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
        }
    }

    for (
    (source, message) in listOf(
        "a reply" to """{"type":"half","ref":"1"}""",
        "a welcome" to """{"type":"subscribe","topic":"welcoming","ref":"1"}""",
        "a broadcast" to """{"type":"publish","topic":"loud","ref":"1","data":"x"}""",
    )
    ) {
        test("a lone surrogate in $source is an internal error, and the session continues") {
            withServer(module = { texts() }) {
                val client = PlainClient.connect(url())

                client.ask(message) shouldContain """"code":"internal""""

                client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
            }
        }
    }

    test("a lone surrogate in a close or kick reason is replaced, also for onClose") {
        val reasons = Channel<CloseReason>(Channel.UNLIMITED)
        withServer(module = { texts(reasons) }) {
            val closed = PlainClient.connect(url())
            closed.send("""{"type":"close"}""")
            closed.closed() shouldBe (4000 to REPAIRED)
            withTimeout(HANG_TIMEOUT) { reasons.receive() }.reason shouldBe REPAIRED

            val kicked = PlainClient.connect(url("/live?name=ann"))
            eventually(HANG_TIMEOUT) { application.live.kickUser("ann", CUT) shouldBe 1 }
            kicked.closed() shouldBe (4403 to REPAIRED)
            withTimeout(HANG_TIMEOUT) { reasons.receive() }.reason shouldBe REPAIRED
        }
    }

    test("a lone surrogate in a user name is replaced on the admin page, and the name still finds the sessions") {
        withServer(module = { texts() }) {
            val client = PlainClient.connect(url("/live?name=cut"))
            client.ask("""{"type":"ping"}""")
            val long = PlainClient.connect(url("/live?name=long"))
            long.ask("""{"type":"ping"}""")

            val response = get("/admin/api/sessions?sort=user&order=desc")

            response.status shouldBe 200
            val users = response.json.jsonObject.getValue("rows").jsonArray.map { it.jsonObject["user"] }
            users shouldBe listOf(JsonPrimitive("x".repeat(255)), JsonPrimitive(REPAIRED))
            application.live.sessionsOf(CUT).size shouldBe 1
        }
    }

    test("a lone surrogate in the error of an event stream request is replaced") {
        withServer(module = { texts() }) {
            val rejected = EventClient.open(this, "/live/sse?topic=rejected")
            rejected.status shouldBe 400
            rejected.text() shouldContain "half $REPAIRED"

            val ended = EventClient.open(this, "/live/sse?topic=closing")
            ended.text() shouldContain REPAIRED
        }
    }

    test("a lone surrogate in the close reason of an event stream is replaced") {
        withServer(module = { texts() }) {
            val stream = EventClient.open(this, "/live/sse?topic=open")
            eventually(HANG_TIMEOUT) { application.live.topic("open").subscribers shouldBe 1 }

            application.live.sessions.single().kick(CUT)

            stream.next().data shouldContain "ack"
            stream.next().data shouldBe """{"code":4403,"reason":"$REPAIRED"}"""
        }
    }

    test("topics, types and traces of the application with a lone surrogate are rejected") {
        withServer(module = { texts() }) {
            val client = PlainClient.connect(url())
            client.ask("""{"type":"subscribe","topic":"open"}""")
            val live = application.live
            val session = live.sessions.single()

            shouldThrow<IllegalArgumentException> { live.topic(CUT) }
            shouldThrow<IllegalArgumentException> { Message(CUT) }
            shouldThrow<IllegalArgumentException> { session.subscribe("any/$CUT") }
            session.unsubscribe("any/$CUT") shouldBe false
            shouldThrow<IllegalArgumentException> { session.requestMessage(CUT) }
            for (topic in listOf("open", "no subscribers")) {
                shouldThrow<IllegalArgumentException> { live.topic(topic).publish(CUT, null) }
                    .message shouldStartWith "type is not valid Unicode"
            }
            shouldThrow<IllegalArgumentException> { withContext(TraceContext(CUT)) { live.topic("open").publish("x") } }

            client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
            session.topics shouldBe setOf("open")
        }
    }
})

private fun presence(data: String) = """{"type":"presence","topic":"people","data":$data}"""

private fun Application.texts(reasons: Channel<CloseReason> = Channel(Channel.UNLIMITED)) {
    install(Live) { traceContext = true }
    routing {
        liveAdmin("/admin", unprotected = true)
        live<String>("/live") {
            authenticate { call ->
                when (val name = call.request.queryParameters["name"]) {
                    "cut" -> CUT
                    "long" -> "x".repeat(255) + "🌸" // 257 characters, of which the admin page shows 256
                    null -> "anonymous"
                    else -> name
                }
            }
            user { it }
            topic<String>("people") {
                presence {
                    if (meta == "deep") info(DEEP)
                    meta
                }
            }
            topic<String>("rejected") { authorize { reject("half $CUT") } }
            topic<String>("closing") {
                authorize {
                    session.close(reason = CUT)
                    true
                }
            }
            topic<String>("open") {
                publishWithoutSubscribing = true
                onPublish { reject("half $CUT") }
            }
            topic<String>("loud") {
                publishWithoutSubscribing = true
                onPublish { broadcast(CUT) }
            }
            topic<String>("welcoming") { welcome { JsonPrimitive(CUT) } }
            topic<String>("any/{name}")
            request<Unit, String>("half") { CUT }
            request<Unit, String>("ask") { reject("half $CUT") }
            request<Unit, String>("code") { reject("why", ErrorCode.of(CUT)) }
            intercept { message, next -> if (message.type == "intercepted") reject("half $CUT") else next(message) }
            onMessage { if (it.type == "close") session.close(CloseCode.of(4000), CUT) }
            onClose { reasons.trySend(it) }
            serverSentEvents()
        }
    }
}
