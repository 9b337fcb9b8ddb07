package dev.live.client.topic

import app.cash.turbine.test
import dev.live.client.HANG_TIMEOUT
import dev.live.client.clientTest
import dev.live.client.start
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlin.time.Duration.Companion.seconds

/** Requests with an idempotency key, which run once even if they are sent several times. */
class KeyTest : FunSpec({

    test("the key is the ref, and a retry after a connection loss sends it again") {
        clientTest {
            transport.onMessage = { true }
            val first = start { client.request<Int, Int>("pay", 7, key = "order-17") }
            settle()
            transport.wire.received.map { it.ref } shouldContainExactly listOf("=order-17")
            transport.wire.cut()
            shouldThrow<ConnectionLostException> { first.await() }
            transport.onMessage = { push(Message(MessageType.REPLY, ref = it.ref, body = it.body)).let { true } }

            val again: Int = client.request("pay", 7, key = "order-17")

            again shouldBe 7
            transport.wire.received.map { it.ref } shouldContainExactly listOf("=order-17")
        }
    }

    test("only one request per key can be in flight") {
        clientTest {
            transport.onMessage = { true }
            val first = start { client.request<Int, Int>("pay", 7, timeout = 2.seconds, key = "17") }
            settle()

            shouldThrow<IllegalStateException> { client.request<Int, Int>("pay", 7, key = "17") }.message shouldBe
                "a message with the key '17' still waits for its reply"

            shouldThrow<LiveException> { first.await() }.code shouldBe ErrorCode.Timeout
            now shouldBe 2.seconds
            start { client.request<Int, Int>("pay", 7, key = "17") }
            settle()
            transport.wire.sent("pay").size shouldBe 2
        }
    }

    test("a late reply to a key is not passed to the application") {
        clientTest {
            client.messages.test(timeout = HANG_TIMEOUT) {
                settle()
                transport.wire.push(Message(MessageType.REPLY, ref = "=17", body = Body.json("7")))
                settle()

                expectNoEvents()
            }
        }
    }

    test("an invalid key and a ref with a reserved prefix are rejected") {
        clientTest {
            shouldThrow<IllegalArgumentException> { client.request<Int, Int>("pay", 7, key = "") }.message shouldBe
                "key must not be empty. Omit it to send without a key."
            val long = "x".repeat(64)
            shouldThrow<IllegalArgumentException> { client.request<Int, Int>("pay", 7, key = long) }.message shouldBe
                "key must be at most 63 bytes of UTF-8, was 64"
            for (ref in listOf("=1", "$1", "~1")) {
                shouldThrow<IllegalArgumentException> { client.send(Message("shout", ref = ref)) }.message shouldBe
                    "ref must not begin with the reserved prefix '${ref.first()}', was '$ref'"
            }
        }
    }
})
