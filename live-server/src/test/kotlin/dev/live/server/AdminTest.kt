package dev.live.server

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.server.broker.Broker
import dev.live.server.broker.BrokerState
import dev.live.server.broker.BrokerStatus
import dev.live.server.support.Engine
import dev.live.server.support.FakeBroker
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.RawSocket
import dev.live.server.support.TestResponse
import dev.live.server.support.TestServer
import dev.live.server.support.encoded
import dev.live.server.support.get
import dev.live.server.support.post
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.doubles.shouldBeGreaterThan
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.ints.shouldBeLessThan
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldNotContain
import io.kotest.matchers.string.shouldStartWith
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.auth.Authentication
import io.ktor.server.auth.UserIdPrincipal
import io.ktor.server.auth.authenticate
import io.ktor.server.auth.basic
import io.ktor.server.routing.routing
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.double
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlin.io.encoding.Base64
import kotlin.time.Duration.Companion.minutes

@Serializable
private class Note(val text: String)

/** Tests the operators' API over a real socket. */
class AdminTest : FunSpec({

    for (engine in Engine.usual) {
        test("the API returns server state to an operator, on $engine") {
            withServer(engine, { adminServer() }) {
                val ann = join("ann", "note/1", "note/2")
                live.topic("note/1").publish(Note("a"))
                ann.next()

                val overview = admin("overview").json.jsonObject
                val topics = admin("topics?sort=name&order=asc").rows()
                val session = admin("sessions").rows().single()

                overview.getValue("sessions").jsonPrimitive.int shouldBe 1
                overview.getValue("published").jsonPrimitive.int shouldBe 1
                overview.getValue("bounds").jsonObject.getValue("queueMessages").jsonPrimitive.int shouldBe 8
                topics.map { it.getValue("name").jsonPrimitive.content to it.getValue("published").jsonPrimitive.int }
                    .shouldContainExactly("note/1" to 1, "note/2" to 0)
                session.getValue("user").jsonPrimitive.content shouldBe "ann"
                session.getValue("topics").toString() shouldBe """{"count":2,"first":["note/1","note/2"]}"""
                ann.close()
            }
        }
    }

    test("the overview contains the broker of the application, and nothing of the default one") {
        val broker = FakeBroker(BrokerStatus(BrokerState.Away, 2.minutes, outbox = 4, reconnects = 3, dropped = 2))
        withServer(Engine.Netty, { adminServer(broker) }) {
            val overview = admin("overview").json.jsonObject

            overview.getValue("broker").toString() shouldBe
                """{"state":"away","awayMs":120000,"outbox":4,"reconnects":3,"dropped":2,"lagMs":null}"""
            overview.getValue("recoveries").jsonPrimitive.int shouldBe 0
            overview.getValue("gaps").jsonPrimitive.int shouldBe 0
        }
        withServer(Engine.Netty, { adminServer() }) {
            ("broker" in admin("overview").json.jsonObject) shouldBe false
        }
    }

    test("requests without credentials are rejected, also under optional authentication") {
        withServer(Engine.Netty, { adminServer() }) {
            for (path in listOf("/live-admin", "/live-admin/api/overview", "/optional/api/overview")) {
                get(path).status shouldBe 401
                get(path, "Authorization" to basic("admin", "wrong")).status shouldBe 401
            }
            post("/optional/api/kick", """{"user":"ann"}""", "Content-Type" to "application/json").status shouldBe 401
            get("/optional/api/overview", ADMIN).status shouldBe 200
            get("/open/api/overview").status shouldBe 200
        }
    }

    test("liveAdmin outside authenticate fails at installation unless unprotected is set") {
        val failure =
            shouldThrow<IllegalStateException> {
                withServer(
                    Engine.Netty,
                    {
                        install(Live)
                        routing { liveAdmin("/live-admin") }
                    },
                ) {}
            }

        failure.message shouldStartWith """liveAdmin("/live-admin") is outside authenticate"""
    }

    test("sessions are sorted by queue depth by default, and a client that reads nothing is counted as slow") {
        withServer(Engine.Netty, { adminServer() }) {
            val quick = List(3) { join("quick $it", "note/1") }
            val slow = RawSocket.upgrade(port, "/live?name=slow", receiveBuffer = 4 * 1024)
            eventually(HANG_TIMEOUT) { live.sessionsOf("slow") shouldHaveSize 1 }
            val session = live.sessionsOf("slow").single()
            val filling = session.launch {
                do {
                    val taken = session.send(BIG)
                } while (taken)
            }
            eventually(HANG_TIMEOUT) {
                // the operating system's socket buffers take the first messages
                val row = admin("sessions?sort=waiting&limit=1").rows().single()
                row.getValue("user").jsonPrimitive.content shouldBe "slow"
                row.getValue("writingMs").jsonPrimitive.int shouldBeGreaterThan 300
            }

            val row = admin("sessions?limit=1").rows().single()

            row.getValue("user").jsonPrimitive.content shouldBe "slow"
            row.getValue("queue").jsonObject.getValue("fill").jsonPrimitive.double shouldBeGreaterThan 0.5
            val overview = admin("overview").json.jsonObject
            overview.getValue("slowest").jsonArray.single().jsonObject.getValue("user").jsonPrimitive.content shouldBe
                "slow"
            overview.getValue("queues").jsonObject.getValue("slow").jsonPrimitive.int shouldBe 1
            filling.cancel()
            quick.forEach { it.close() }
            slow.close()
        }
    }

    test("lists are paged, and parameters out of bounds are rejected") {
        withServer(Engine.Netty, { adminServer() }) {
            val all = List(25) { join("user ${'a' + it}", "note/$it") }

            val page = admin("sessions?sort=user&order=asc&offset=20&limit=3")
            val found = admin("sessions?filter=${encoded("USER C")}")
            val onTopic = admin("sessions?topic=note/7")

            page.json.jsonObject.getValue("matched").jsonPrimitive.int shouldBe 25
            page.users() shouldContainExactly listOf("user u", "user v", "user w")
            page.text.length shouldBeLessThan 3_000
            found.users() shouldContainExactly listOf("user c")
            onTopic.users() shouldContainExactly listOf("user h")
            for (wrong in listOf(
                "limit=0",
                "limit=201",
                "offset=-1",
                "offset=10001",
                "sort=meta",
                "order=up",
                "limit=x",
            )) {
                val response = admin("sessions?$wrong")
                response.status shouldBe 400
                response.text shouldContain wrong.substringBefore('=') + " must be"
            }
            admin("topics?filter=${"x".repeat(257)}").status shouldBe 400
            all.forEach { it.close() }
        }
    }

    test("kick closes one session, or all sessions of a user, with the given reason") {
        withServer(Engine.Netty, { adminServer() }) {
            val ann = List(3) { join("ann", "note/1") }
            val bob = join("bob", "note/1")
            val first = admin("sessions?filter=ann&limit=1").rows().single().getValue("id").jsonPrimitive.content

            change("kick", """{"session":"$first","reason":"enough"}""").text shouldBe """{"kicked":1}"""
            eventually(HANG_TIMEOUT) { live.sessionsOf("ann") shouldHaveSize 2 }
            val second = live.sessionsOf("ann").first().id
            change("kick", """{"session":"$second","allOfUser":true}""").text shouldBe """{"kicked":2}"""
            change("kick", """{"user":"bob","reason":"you too"}""").text shouldBe """{"kicked":1}"""
            change("kick", """{"user":"unknown"}""").text shouldBe """{"kicked":0}"""

            ann.map { it.closed() }.map { it.second }.sorted() shouldContainExactly
                listOf("disconnected by an operator", "disconnected by an operator", "enough")
            bob.closed() shouldBe (4403 to "you too")
            change("kick", "{}").status shouldBe 400
            change("kick", """{"user":"ann","session":"x"}""").status shouldBe 400
            change("kick", """{"user":7}""").text shouldContain "user must be a string"
            change("kick", """{"user":"ann","reason":"${"x".repeat(124)}"}""").text shouldContain "at most 123 bytes"
            change("kick", "[]").text shouldContain "the body must be an object"
        }
    }

    test("publish requires a declared topic and a payload of the topic's type") {
        withServer(Engine.Netty, { adminServer() }) {
            val ann = join("ann", "note/1")

            val published = change("publish", """{"topic":"note/1","data":{"text":"hello"}}""")

            published.text shouldBe """{"topic":"note/1","subscribers":1}"""
            ann.next() shouldBe """{"type":"message","topic":"note/1","data":{"text":"hello"}}"""
            change("publish", """{"topic":"elsewhere","data":1}""").status shouldBe 404
            change("publish", """{"topic":"note/1","data":{"text":7}}""").let {
                it.status shouldBe 400
                it.text shouldContain "text"
            }
            change("publish", """{"topic":"note/1"}""").text shouldContain "data is missing"
            change("publish", """{"topic":"note/1","data":"${"x".repeat(70_000)}"}""").status shouldBe 413
            ann.close()
        }
    }

    test("an application failure during publish is logged, and the response carries the log id") {
        withServer(Engine.Netty, { adminServer() }) {
            for (text in listOf("argument", "state")) {
                val response = change("publish", """{"topic":"keyed/1","data":{"text":"$text"}}""")

                response.status shouldBe 500
                response.text shouldContain """{"error":{"code":"internal","message":"internal error, log id """
                response.text shouldNotContain "secret"
            }
        }
    }

    test("state-changing requests are rejected unless they come from the page itself") {
        withServer(Engine.Netty, { adminServer() }) {
            val kick = """{"user":"ann"}"""
            val json = "Content-Type" to "application/json"
            val rejected =
                listOf(
                    arrayOf("Content-Type" to "text/plain"),
                    arrayOf("Content-Type" to "application/x-www-form-urlencoded"),
                    arrayOf(json, "Origin" to "https://evil.example"),
                    arrayOf(json, "Origin" to "null"),
                    arrayOf(json, "Sec-Fetch-Site" to "cross-site"),
                    arrayOf(json, "Sec-Fetch-Site" to "same-site", "Origin" to "http://127.0.0.1:$port"),
                )
            val ann = join("ann", "note/1")

            for (headers in rejected) post("/live-admin/api/kick", kick, ADMIN, *headers).status shouldBe 403
            live.sessions shouldHaveSize 1
            post(
                "/live-admin/api/kick",
                kick,
                ADMIN,
                json,
                "Sec-Fetch-Site" to "same-origin",
                "Origin" to "http://127.0.0.1:$port",
            ).text shouldBe """{"kicked":1}"""

            ann.closed().first shouldBe 4403
        }
    }

    test("the page allows only its own script, cannot be framed and is not cached") {
        withServer(Engine.Netty, { adminServer() }) {
            val page = get("/live-admin", ADMIN)

            page.header("Content-Type") shouldStartWith "text/html"
            page.header("Content-Security-Policy") shouldStartWith "default-src 'none'; script-src 'sha256-"
            page.header("Content-Security-Policy") shouldContain "frame-ancestors 'none'"
            page.header("Content-Security-Policy") shouldNotContain "unsafe"
            page.header("Cache-Control") shouldBe "no-store"
            page.header("X-Content-Type-Options") shouldBe "nosniff"
            page.text shouldNotContain "/*script*/"
            page.text shouldNotContain "://live"
            admin("overview").header("Cache-Control") shouldBe "no-store"
            get("/live-admin/", ADMIN).text shouldBe page.text
        }
    }
})

private val ADMIN = "Authorization" to basic("admin", "secret")

private fun basic(name: String, password: String) = "Basic " + Base64.encode("$name:$password".encodeToByteArray())

private val TestServer.live get() = application.live

private val BIG = Message("x", body = Body.bytes(ByteArray(10_000)))

private suspend fun TestServer.admin(path: String): TestResponse = get("/live-admin/api/$path", ADMIN)

private suspend fun TestServer.change(path: String, body: String): TestResponse =
    post("/live-admin/api/$path", body, ADMIN, "Content-Type" to "application/json")

private fun TestResponse.rows() = json.jsonObject.getValue("rows").jsonArray.map { it.jsonObject }

private fun TestResponse.users() = rows().map { it.getValue("user").jsonPrimitive.content }

private suspend fun TestServer.join(name: String, vararg topics: String): PlainClient {
    val client = PlainClient.connect(url() + "?name=${encoded(name)}")
    for (topic in topics) client.ask("""{"type":"subscribe","topic":"$topic"}""")
    return client
}

private fun Application.adminServer(broker: Broker? = null) {
    install(Live) {
        broker?.let(::broker)
        session {
            queueCapacity = 8
            writeTimeout = 1.minutes
        }
    }
    install(Authentication) {
        basic("admin") {
            validate { given -> UserIdPrincipal(given.name).takeIf { given.password == "secret" } }
        }
    }
    routing {
        live<String>("/live") {
            authenticate { call -> call.request.queryParameters["name"] }
            user { it }
            topic<Note>("note/{id}")
            topic<Note>("keyed/{id}") {
                conflate { if (it.text == "state") error("secret") else throw IllegalArgumentException("secret") }
            }
        }
        authenticate("admin") { liveAdmin("/live-admin") }
        authenticate("admin", optional = true) { liveAdmin("/optional") }
        liveAdmin("/open", unprotected = true)
    }
}
