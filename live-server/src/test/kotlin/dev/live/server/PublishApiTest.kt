package dev.live.server

import dev.live.protocol.CborCodec
import dev.live.protocol.Message
import dev.live.protocol.MessagePackCodec
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.TestResponse
import dev.live.server.support.TestServer
import dev.live.server.support.post
import dev.live.server.support.withServer
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldNotContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.plugins.ratelimit.RateLimit
import io.ktor.server.plugins.ratelimit.RateLimitName
import io.ktor.server.plugins.ratelimit.rateLimit
import io.ktor.server.routing.routing
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.serialization.Serializable
import java.net.Socket
import kotlin.time.Duration.Companion.minutes

@Serializable
private class Notice(val text: String, val level: Int = 0)

/** The HTTP API for backends, which publish JSON. */
class PublishApiTest : FunSpec({

    for (engine in Engine.usual) {
        test("a backend's publication reaches subscribers of every codec, on $engine") {
            withServer(engine, { published() }) {
                val clients =
                    listOf("live.v1.json", "live.v1.cbor", "live.v1.msgpack").map { PlainClient.connect(url(), it) }
                for (client in clients) client.join("notice/1")

                val response = publish("""{"topic":"notice/1","data":{"text":"hello"}}""")

                response.status shouldBe 200
                response.text shouldBe """{"topic":"notice/1","subscribers":3}"""
                for (client in clients) client.next() shouldContain """{"text":"hello"}"""
                clients.forEach { it.close() }
            }
        }
    }

    test("with history each response contains the epoch and offset") {
        withServer(Engine.Netty, { published() }) {
            val epoch = application.live.topic("kept/1").history().position.epoch

            val both = publish("""[{"topic":"kept/1","data":1},{"topic":"kept/1","data":2}]""")
            val other = publish("""{"topic":"kept/1","data":3}""")

            both.text shouldBe
                """[{"topic":"kept/1","subscribers":0,"epoch":"$epoch","offset":1},""" +
                """{"topic":"kept/1","subscribers":0,"epoch":"$epoch","offset":2}]"""
            other.text shouldContain """"offset":3"""
        }
    }

    test("concurrent publishers each receive their own offset") {
        withServer(Engine.Netty, { published() }) {
            val offsets =
                coroutineScope {
                    (1..50).map { async { publish("""{"topic":"kept/1","data":$it}""").text } }.awaitAll()
                }.associate { it.substringAfter(""""offset":""").substringBefore('}').toLong() to it }

            offsets.keys.sorted() shouldContainExactly (1L..50L).toList()
        }
    }

    test("bytes reach a raw topic, and a user's message reaches all devices") {
        withServer(Engine.Netty, { published() }) {
            val devices = List(2) { PlainClient.connect(url() + "?name=ann") }
            devices.first().ask("""{"type":"subscribe","topic":"raw/1"}""")

            publish("""{"topic":"raw/1","body":"AQID"}""").status shouldBe 200
            publish("""{"topic":"raw/1","body":"AQID","data":null,"type":null,"user":null}""").status shouldBe 200
            publish("""{"user":"ann","type":"reload","data":{"soon":true}}""").text shouldBe
                """{"user":"ann","sessions":2}"""
            publish("""{"user":"unknown"}""").text shouldBe """{"user":"unknown","sessions":0}"""

            repeat(2) {
                devices.first().next() shouldBe """{"type":"message","topic":"raw/1","body":"AQID"}"""
            }
            for (device in devices) device.next() shouldBe """{"type":"reload","data":{"soon":true}}"""
            devices.forEach { it.close() }
        }
    }

    test("onPublish does not run for publications of a backend") {
        withServer(Engine.Netty, { published() }) {
            val ann = PlainClient.connect(url()).apply { join("quiet/1") }

            publish("""{"topic":"quiet/1","data":"x"}""").status shouldBe 200

            ann.next() shouldContain """"data":"x""""
            ann.close()
        }
    }

    test("a request without the complete key receives 401 and no details") {
        withServer(Engine.Netty, { published() }) {
            val body = """{"topic":"kept/1","data":1}"""
            val json = "Content-Type" to "application/json"
            val invalid =
                listOf("", "Bearer", "Bearer ", "Bearer ${KEY.dropLast(1)}", "Bearer ${KEY}x", "Basic $KEY", KEY)

            for (header in invalid) {
                val response = post("/publish", body, json, "Authorization" to header)
                response.status shouldBe 401
                response.header("WWW-Authenticate") shouldBe "Bearer"
                response.text shouldNotContain KEY.take(8)
            }
            post("/publish", body, json).status shouldBe 401
            post("/publish", body, json, "Authorization" to "Bearer $OTHER_KEY").status shouldBe 200
            application.live.topic("kept/1").history().messages.size shouldBe 1
        }
    }

    test("an invalid request receives an error and publishes nothing") {
        withServer(Engine.Netty, { published() }) {
            val good = """{"topic":"kept/1","data":1}"""
            val invalid =
                listOf(
                    "" to "400 bad_payload the body must be JSON",
                    "{" to "400 bad_payload the body must be JSON",
                    "7" to "400 bad_payload the body must be an object, or a list of objects",
                    "[]" to "400 bad_payload a list must have at least one publish",
                    "[7]" to "400 bad_payload publish 0: a publish must be an object",
                    "{}" to "400 bad_payload exactly one of topic and user must be set",
                    """{"topic":"kept/1","user":"ann"}""" to "400 bad_payload exactly one of topic and user",
                    """{"topic":7}""" to "400 bad_payload topic must be a string",
                    """{"topic":""}""" to "400 bad_payload topic must not be empty",
                    """{"topic":"elsewhere","data":1}""" to "404 unknown_topic no declared topic matches",
                    """{"topic":"kept/1"}""" to "400 bad_payload data is missing",
                    """{"topic":"notice/1","data":{"text":7}}""" to "400 bad_payload text",
                    """{"topic":"notice/1","data":{"text":"a","level":"b"}}""" to "400 bad_payload level",
                    """{"topic":"kept/1","data":1,"body":"AQID"}""" to "400 bad_payload only one of data and body",
                    """{"topic":"raw/1","body":"?"}""" to "400 bad_payload body must be base64",
                    // Ruby's Base64.encode64 and Python's encodebytes end with a line break
                    """{"topic":"raw/1","body":"AQID\n"}""" to
                        "400 bad_payload body must be base64 (RFC 4648, section 4): character 4 is a line break",
                    """{"topic":"kept/1","body":"AQID"}""" to "400 bad_payload data must be JSON, was opaque bytes",
                    """{"topic":"kept/1","type":"x"}""" to "400 bad_payload type is only allowed for messages",
                    """{"user":"ann","type":"goodbye"}""" to "400 bad_payload type 'goodbye' is reserved",
                    """{"user":"ann","type":""}""" to "400 bad_payload type",
                    """[$good,{"topic":"notice/1","data":{}}]""" to "400 bad_payload publish 1: text",
                    "[${List(11) { good }.joinToString()}]" to
                        "413 too_large a list must have at most 10 publishes, had 11",
                    """{"topic":"raw/1","data":"${"x".repeat(5_000)}"}""" to
                        "413 too_large the body must be at most 4096 bytes",
                )

            for ((body, expected) in invalid) {
                val response = publish(body)
                val (status, code, message) = expected.split(' ', limit = 3)
                response.status shouldBe status.toInt()
                response.text shouldContain """{"error":{"code":"$code","message":""""
                response.text shouldContain message
            }
            post("/publish", good, "Authorization" to "Bearer $KEY", "Content-Type" to "text/plain").status shouldBe 415
            application.live.topic("kept/1").history().messages.size shouldBe 0
        }
    }

    test("a chunked body is read only up to maxBodyBytes") {
        withServer(Engine.Cio, { published() }) {
            Socket("127.0.0.1", port).use { socket ->
                socket.soTimeout = HANG_TIMEOUT.inWholeMilliseconds.toInt()
                val chunk = "400\r\n" + "x".repeat(0x400) + "\r\n"
                socket.getOutputStream().write(
                    (
                        "POST /publish HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer $KEY\r\n" +
                            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk.repeat(8)
                    ).toByteArray(), // without the last chunk
                )

                socket.getInputStream().bufferedReader().readLine() shouldContain "413"
            }
        }
    }

    test("a repeated request with the same idempotency key returns the same response and publishes once") {
        withServer(Engine.Netty, { published() }) {
            val body = """{"topic":"kept/1","data":1}"""

            val responses =
                coroutineScope { List(10) { async { publish(body, "order-7").text } }.awaitAll() }

            responses.toSet().size shouldBe 1
            application.live.topic("kept/1").history().messages.size shouldBe 1
            publish("""{"topic":"kept/1","data":2}""", "order-7").let {
                it.status shouldBe 400
                it.text shouldContain "this key was used with another payload"
            }
            publish(body, "order-8").text shouldContain """"offset":2"""
            publish(body, "x".repeat(64)).text shouldContain "Idempotency-Key must be at most 63 bytes"
            post(
                "/publish",
                body,
                "Authorization" to "Bearer $OTHER_KEY",
                "Content-Type" to "application/json",
                "Idempotency-Key" to "order-7",
            ).text shouldContain """"offset":3"""
        }
    }

    test("if one item of a batch fails, nothing is published, and the request may be retried") {
        withServer(Engine.Netty, { published() }) {
            val list =
                """[{"topic":"kept/1","data":1},{"user":"ann"},{"topic":"keyed/1","data":"broken"}]"""
            val ann = PlainClient.connect(url() + "?name=ann").apply { ask("""{"type":"ping"}""") }

            val responses = listOf(publish(list), publish(list, "order-1"), publish(list, "order-1"))

            for (response in responses) {
                response.status shouldBe 500
                response.text shouldContain "internal error, log id "
                response.text shouldNotContain "no vehicle"
            }
            application.live.topic("kept/1").history().messages.size shouldBe 0
            ann.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
            ann.close()
        }
    }

    test("a response too large to store is sent once, and a repeat is rejected without publishing again") {
        withServer(Engine.Netty, { published() }) {
            val topic = "kept/" + "x".repeat(120)
            val list = List(400) { """{"topic":"$topic","data":$it}""" }.toString()
            val headers =
                arrayOf(
                    "Authorization" to "Bearer $KEY",
                    "Content-Type" to "application/json",
                    "Idempotency-Key" to "order-1",
                )

            post("/publish-more", list, *headers).status shouldBe 200
            val again = post("/publish-more", list, *headers)

            again.status shouldBe 413
            again.text shouldContain "the request was executed, but its reply was too large to store"
            publish("""{"topic":"$topic","data":1}""").text shouldContain """"offset":401}"""
        }
    }

    test("Ktor's rate limit applies to livePublish") {
        withServer(Engine.Netty, { published(limit = 2) }) {
            val body = """{"topic":"kept/1","data":1}"""

            List(3) { publish(body).status } shouldContainExactly listOf(200, 200, 429)
        }
    }

    test("startup fails without a key, with an invalid key and with an unset key") {
        val mistakes =
            listOf(
                invalid("""livePublish("/publish") has no key, so any client could publish""") {},
                invalid("must be at least 32 bytes, was 5") { key("short") },
                invalid("is null. Set the environment variable") { key(null) },
                invalid("must not contain white space") { key("x".repeat(31) + " ") },
                invalid("maxBodyBytes must be 1 to 16777216, was 0") { maxBodyBytes = 0 },
                invalid("maxBatch must be at least 1 publish, was 0") { maxBatch = 0 },
            )

        for ((configure, reason) in mistakes) {
            val failure =
                shouldThrow<RuntimeException> {
                    withServer(
                        Engine.Netty,
                        {
                            install(Live)
                            routing { livePublish("/publish", configure) }
                        },
                    ) {}
                }
            failure.message shouldContain reason
            failure.message shouldNotContain "short"
        }
    }
})

private fun invalid(reason: String, configure: PublishConfig.() -> Unit) = configure to reason

private const val KEY = "0123456789abcdef0123456789abcdef"
private const val OTHER_KEY = "another-key-that-cannot-be-guessed"

private suspend fun TestServer.publish(body: String, key: String? = null): TestResponse {
    val headers = listOf("Authorization" to "Bearer $KEY", "Content-Type" to "application/json; charset=utf-8")
    return post("/publish", body, *(headers + listOfNotNull(key?.let { "Idempotency-Key" to it })).toTypedArray())
}

private suspend fun PlainClient.join(topic: String) {
    val text = """{"type":"subscribe","topic":"$topic"}"""
    when (subprotocol) {
        "live.v1.cbor" -> send(CborCodec.encode(subscribe(topic)))
        "live.v1.msgpack" -> send(MessagePackCodec.encode(subscribe(topic)))
        else -> send(text)
    }
    nextBytes()
}

private fun subscribe(topic: String) = Message("subscribe", topic)

private fun Application.published(limit: Int = 1_000) {
    install(Live)
    install(RateLimit) { register(RateLimitName("publish")) { rateLimiter(limit, refillPeriod = 1.minutes) } }
    routing {
        live<String>("/live") {
            authenticate { call -> call.request.queryParameters["name"].orEmpty() }
            user { it.ifEmpty { null } }
            topic<Notice>("notice/{id}")
            topic<Int>("kept/{id}") { history(100) }
            topic<String>("quiet/{id}") { onPublish { error("must not run") } }
            rawTopic("raw/{id}")
            topic<String>("keyed/{id}") { conflate { require(it != "broken") { "no vehicle" }.let { "" } } }
        }
        livePublish("/publish-more") {
            key(KEY)
            maxBatch = 1_000
        }
        rateLimit(RateLimitName("publish")) {
            livePublish("/publish") {
                key(KEY)
                key(OTHER_KEY)
                maxBatch = 10
                maxBodyBytes = 4096
            }
        }
    }
}
