package dev.live.client.topic

import dev.live.client.Chat
import dev.live.client.clientTest
import dev.live.client.hello
import dev.live.client.room
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlin.time.Duration.Companion.seconds

/** Publishing without suspending. */
class TryPublishTest : FunSpec({

    test("messages are sent in order with other publishes, and a successful ack is not reported") {
        clientTest {
            settle()
            val failures = mutableListOf<LiveException>()

            room().tryPublish(Chat("ann", "1")) { failures += it } shouldBe true
            room().tryPublish(Chat("ann", "2")) { failures += it } shouldBe true
            room().publish(Chat("ann", "3"))

            val texts = transport.wire.sent(MessageType.PUBLISH).map { it.decode<Chat>().text }
            texts shouldContainExactly listOf("1", "2", "3")
            failures.shouldBeEmpty()
        }
    }

    test("it waits for a connection, and is rejected immediately if the outbox is full") {
        clientTest({ outbox { messages = 2 } }) {
            transport.isUnreachable = true
            settle()

            List(3) { room().tryPublish(Chat("ann", "$it")) } shouldContainExactly listOf(true, true, false)

            transport.isUnreachable = false
            pass(12.seconds)
        }
    }

    test("the outbox also limits waiting bytes") {
        clientTest({ outbox { bytes = 100 } }) {
            transport.isUnreachable = true
            settle()

            List(3) { room().tryPublish(Chat("ann", "x".repeat(20))) } shouldContainExactly listOf(true, true, false)
        }
    }

    test("a trace that is too long throws and takes no outbox space") {
        clientTest({
            outbox { messages = 1 }
            trace { "t".repeat(65) }
        }) {
            settle()

            repeat(3) { shouldThrow<IllegalArgumentException> { room().tryPublish(hello) } }
        }
    }

    test("a message that is not sent within the timeout is dropped, frees its space and is reported") {
        clientTest({
            outbox { messages = 1 }
            requestTimeout = 5.seconds
        }) {
            transport.isUnreachable = true
            val failures = mutableListOf<LiveException>()
            room().tryPublish(hello) { failures += it } shouldBe true
            pass(5.seconds)

            failures.single().code shouldBe ErrorCode.Timeout
            room().tryPublish(hello) shouldBe true
        }
    }

    test("a rejection and a connection loss before the ack are reported") {
        clientTest {
            settle()
            val failures = mutableListOf<LiveException>()
            transport.onMessage = { message -> reject(message, "forbidden", "not yours").let { true } }
            room().tryPublish(hello) { failures += it }
            settle()
            transport.onMessage = { true }
            room().tryPublish(hello) { failures += it }
            settle()
            transport.wire.cut()
            settle()

            failures.first().code shouldBe ErrorCode.Forbidden
            failures.last().shouldBeInstanceOf<ConnectionLostException>()
        }
    }

    test("close is reported for waiting and later messages") {
        clientTest {
            transport.isUnreachable = true
            val failures = mutableListOf<LiveException>()
            room().tryPublish(hello) { failures += it }
            settle()
            client.close()
            room().tryPublish(hello) { failures += it }
            settle()

            failures.size shouldBe 2
            failures.forEach { it.shouldBeInstanceOf<ClientClosedException>() }
        }
    }
})
