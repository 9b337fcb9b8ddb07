package dev.live.client

import dev.live.client.testing.FakeTransport
import dev.live.protocol.CborCodec
import dev.live.protocol.JsonCodec
import dev.live.protocol.MessagePackCodec
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldNotContain
import kotlin.time.Duration.Companion.seconds

class LiveClientConfigTest : FunSpec({

    for ((url, message) in listOf(
        "https://example.com/live" to "url must begin with ws:// or wss://, was 'https://…'",
        "example.com/live" to "url must begin with ws:// or wss://, but has no scheme",
        "" to "url must begin with ws:// or wss://, but has no scheme",
        "ws:///live" to "url must contain a host",
        "ws://h/live?name=100%" to "the query of the url $BAD_ESCAPE, at character 9 of the query. $HINT",
        "ws://h/live?name=%2" to "the query of the url $BAD_ESCAPE, at character 6 of the query. $HINT",
        "ws://h/50%off/live" to "the path of the url $BAD_ESCAPE, at character 4 of the path. $HINT",
        "ws://ann:1%@h/live" to "the user info of the url $BAD_ESCAPE, at character 6 of the user info. $HINT",
        "ws://h%/live" to "the host of the url $BAD_ESCAPE, at character 2 of the host. $HINT",
        "ws://h/live?name=%ED%A0%BC" to
            "the query of the url contains escapes that are not UTF-8, from character 6 of the query",
        "ws://h/live?name=$CUT" to "the query of the url contains an unpaired surrogate at character 8 of the query",
        "ws://h/$CUT/live" to "the path of the url contains an unpaired surrogate at character 4 of the path",
        "ws://$CUT/live" to "the host of the url contains an unpaired surrogate at character 3 of the host",
        "ws://h h/live" to "the host of the url contains a space or a control character at character 2 of the host",
        "ws://h:port/live" to "the port of the url must be a number from 1 to 65535",
        "ws://h:99999/live" to "the port of the url must be a number from 1 to 65535, was '99999'",
        "ws://[::1/live" to "the host of the url contains a '[' without a ']'",
        "ws://h/live?room=#general" to
            "url must not have a fragment, because it is never sent to a server. " +
            "Write '%23' for a '#' in the path or query.",
    )) {
        test("the url '${url.replace(CUT, "ab?")}' is rejected") {
            rejectionOf(url) { } shouldBe message
        }
    }

    for (url in listOf(
        "http://ann:secret@example.com/live",
        "http://ann:secr?secret@example.com/live",
        "ann:secret@example.com/live",
        "ann:secret@example.com/live?next=https://h",
        "ws://ann:secret@",
        "ws://ann:secret@/live",
        "ws://ann:secret/1@h",
        "ws://ann:secret?1@h",
        "ws://ann:secret#1@h",
        "ws://ann:secret%@h",
        "ws://ann:secret%ED%A0%BC@h",
        "ws://ann:secret@h:port",
        "ws://ann:secret@h h",
        "ws://ann:secret@[h]",
        "ws://ann:secret@h\\live",
        "ws://ann:secret@[::1",
    )) {
        test("the exception for '$url' does not contain the password") {
            val error = runCatching { LiveClient(url) { transport = FakeTransport() }.close() }.exceptionOrNull()

            generateSequence(error) { it.cause }.forEach { "$it" shouldNotContain "secr" }
        }
    }

    test("a port that could be part of a password is not quoted") {
        rejectionOf("ws://ann:777777/1@h") { } shouldBe "the port of the url must be a number from 1 to 65535"
    }

    for (url in listOf(
        "ws://h",
        "ws://h:8080?a=b",
        "WSS://h:443/live?name=100%25&b=%f0%9f%8c%b8",
        "ws://[::1]:8080/live",
        "ws://ann:secret@h/live?to=a@b:c/d",
        "ws://h/live?name=Zoë 🌸",
    )) {
        test("the url '$url' is accepted") {
            LiveClient(url) { transport = FakeTransport() }.close()
        }
    }

    test("invalid settings are rejected with the value") {
        rejectionOf { connectTimeout = 0.seconds } shouldBe "connectTimeout must be positive, was 0s"
        rejectionOf { requestTimeout = (-1).seconds } shouldBe "requestTimeout must be positive, was -1s"
        rejectionOf { maxMessageSize = 0 } shouldBe "maxMessageSize must be at least 1 byte, was 0"
        rejectionOf { heartbeat { interval = 0.seconds } } shouldBe "heartbeat interval must be positive, was 0s"
        rejectionOf { heartbeat { timeout = 0.seconds } } shouldBe "heartbeat timeout must be positive, was 0s"
        rejectionOf { heartbeat { interval = 60.seconds } } shouldBe
            "heartbeat timeout (1m) must be longer than its interval (1m)"
        rejectionOf { codecs() } shouldBe "codecs must name at least one codec, such as JsonCodec"
        rejectionOf { codecs(JsonCodec, JsonCodec) } shouldBe "codec 'live.v1.json' is listed twice"
    }

    test("codecs are offered in order, and the client uses the one that the server selects") {
        clientTest({ codecs(MessagePackCodec, CborCodec, JsonCodec) }, FakeTransport(CborCodec)) {
            client.topic<Chat>("room").publish(Chat("ann", "hello"))

            transport.requests.single().subprotocols shouldContainExactly
                listOf("live.v1.msgpack", "live.v1.cbor", "live.v1.json")
            client.state.value.toString() shouldBe "Connected(live.v1.cbor)"
        }
    }

    test("headers are sent with every upgrade") {
        clientTest({
            header("X-Tenant", "a")
            header("X-Tenant", "b")
        }) {
            settle()

            transport.requests.single().headers shouldBe mapOf("X-Tenant" to "b")
        }
    }

    test("topic() validates the name") {
        clientTest {
            shouldThrow<IllegalArgumentException> { client.topic<Chat>("") }.message shouldBe "topic must not be empty"
            shouldThrow<IllegalArgumentException> { client.topic<Chat>("a\nb") }
            shouldThrow<IllegalArgumentException> { client.topic<Chat>("x".repeat(257)) }
        }
    }
})

private const val BAD_ESCAPE = "contains a '%' without two hexadecimal digits after it"
private const val HINT = "Write '%25' for a percent sign."

/** The result of `"ab🌸".take(3)`: a valid Kotlin string that UTF-8 cannot encode. */
private const val CUT = "ab\uD83C"

private fun rejectionOf(url: String = "ws://test", configure: LiveClientConfig.() -> Unit): String? =
    shouldThrow<IllegalArgumentException> { LiveClient(url, configure) }.message
