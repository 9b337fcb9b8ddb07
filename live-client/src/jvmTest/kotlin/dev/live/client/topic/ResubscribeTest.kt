package dev.live.client.topic

import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.hello
import dev.live.client.room
import dev.live.client.testing.FakeTransport
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MessageType
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** Rejected subscribes: the first subscribe, and the resubscribe after a reconnect. */
class ResubscribeTest : FunSpec({

    for (code in listOf("rate_limited", "internal", "timeout")) {
        test("a subscribed collector is resubscribed after a temporary '$code', with a gap") {
            clientTest {
                val updates = collect(room().updates)
                updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().recovery shouldBe Recovery.First

                transport.rejectSubscribes(code)
                transport.wire.cut()
                pass(20.seconds)
                transport.subscribedTopics shouldBe emptySet()
                updates.expectNoEvents()

                transport.onMessage = { false }
                pass(1.minutes)
                updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().recovery shouldBe Recovery.Gap
                serverPublishes("room", hello)
                updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Received<*>>().value shouldBe hello
                updates.cancel()
            }
        }
    }

    test("resubscribes are retried with growing delays") {
        clientTest {
            val messages = collect(room().messages)
            transport.rejectSubscribes("internal")
            transport.wire.cut()

            pass(10.minutes)

            val attempts = transport.wire.sent(MessageType.SUBSCRIBE).size
            (attempts in 15..26) shouldBe true
            messages.cancel()
            settle()
            pass(2.minutes)
            transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe attempts
        }
    }

    test("a permanent rejection also fails the flow of a subscribed collector") {
        clientTest {
            val messages = collect(room().messages)
            transport.rejectSubscribes("forbidden")
            transport.wire.cut()

            pass(2.seconds)

            messages.awaitError().shouldBeInstanceOf<LiveException>().code shouldBe ErrorCode.Forbidden
        }
    }

    test("a first subscribe fails immediately with any code") {
        clientTest {
            transport.rejectSubscribes("internal")

            val messages = collect(room().messages)

            messages.awaitError().shouldBeInstanceOf<LiveException>().code shouldBe ErrorCode.Internal
        }
    }

    test("a new collector fails immediately, while subscribed collectors keep waiting") {
        clientTest {
            val first = collect(room().messages)
            transport.rejectSubscribes("internal")
            transport.wire.cut()
            pass(2.seconds)

            val second = collect(room().messages)
            pass(1.minutes)

            second.awaitError().shouldBeInstanceOf<LiveException>().code shouldBe ErrorCode.Internal
            transport.onMessage = { false }
            pass(1.minutes)
            serverPublishes("room", hello)
            first.awaitItem() shouldBe hello
            first.cancel()
        }
    }
})

private fun FakeTransport.rejectSubscribes(code: String) {
    onMessage = { message ->
        (message.type == MessageType.SUBSCRIBE).also { if (it) reject(message, code, "not now") }
    }
}
