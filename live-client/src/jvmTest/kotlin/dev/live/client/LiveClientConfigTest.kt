package dev.live.client

import dev.live.protocol.CborCodec
import dev.live.protocol.JsonCodec
import dev.live.protocol.MessagePackCodec
import dev.live.test.FakeTransport
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlin.time.Duration.Companion.seconds

class LiveClientConfigTest : FunSpec({

    for ((url, message) in listOf(
        "https://example.com/live" to "url must begin with ws:// or wss://, was 'https://example.com/live'",
        "example.com/live" to "url must begin with ws:// or wss://, was 'example.com/live'",
        "" to "url must begin with ws:// or wss://, was ''",
        "ws:///live" to "url must name a host, was 'ws:///live'",
    )) {
        test("the url '$url' is refused") {
            refused(url) { } shouldBe message
        }
    }

    test("settings that make no sense are refused, with the value") {
        refused { connectTimeout = 0.seconds } shouldBe "connectTimeout must be positive, was 0s"
        refused { requestTimeout = (-1).seconds } shouldBe "requestTimeout must be positive, was -1s"
        refused { maxMessageSize = 0 } shouldBe "maxMessageSize must be at least 1 byte, was 0"
        refused { heartbeat { interval = 0.seconds } } shouldBe "heartbeat interval must be positive, was 0s"
        refused { heartbeat { timeout = 0.seconds } } shouldBe "heartbeat timeout must be positive, was 0s"
        refused { heartbeat { interval = 60.seconds } } shouldBe
            "heartbeat timeout (1m) must be longer than its interval (1m)"
        refused { codecs() } shouldBe "codecs must name at least one codec, such as JsonCodec"
        refused { codecs(JsonCodec, JsonCodec) } shouldBe "codec 'live.v1.json' is listed twice"
    }

    test("codecs are offered in the order given, and the one that the server picks is spoken") {
        clientTest({ codecs(MessagePackCodec, CborCodec, JsonCodec) }, FakeTransport(CborCodec)) {
            client.topic<Chat>("room").publish(Chat("ann", "hello"))

            transport.requests.single().subprotocols shouldContainExactly
                listOf("live.v1.msgpack", "live.v1.cbor", "live.v1.json")
            client.state.value.toString() shouldBe "Connected(live.v1.cbor)"
        }
    }

    test("headers go with every upgrade") {
        clientTest({
            header("X-Tenant", "a")
            header("X-Tenant", "b")
        }) {
            settle()

            transport.requests.single().headers shouldBe mapOf("X-Tenant" to "b")
        }
    }

    test("the name of a topic is checked where it is made") {
        clientTest {
            shouldThrow<IllegalArgumentException> { client.topic<Chat>("") }.message shouldBe "topic must not be empty"
            shouldThrow<IllegalArgumentException> { client.topic<Chat>("a\nb") }
            shouldThrow<IllegalArgumentException> { client.topic<Chat>("x".repeat(257)) }
        }
    }
})

private fun refused(url: String = "ws://test", configure: LiveClientConfig.() -> Unit): String? =
    shouldThrow<IllegalArgumentException> { LiveClient(url, configure) }.message
