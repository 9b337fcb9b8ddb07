package dev.live.client.topic

import dev.live.client.clientTest
import dev.live.client.collect
import dev.live.client.hello
import dev.live.client.room
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MessageType
import dev.live.test.FakeTransport
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** A topic that is refused: at first, and when a client that was in comes back. */
class RejoinTest : FunSpec({

    for (code in listOf("rate_limited", "internal", "timeout")) {
        test("one who was in is in again when '$code' has passed, and was told of the gap") {
            clientTest {
                val updates = collect(room().updates)
                updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().recovery shouldBe Recovery.First

                transport.refuseSubscribes(code)
                transport.wire.cut()
                pass(20.seconds)
                transport.joined shouldBe emptySet()
                updates.expectNoEvents()

                transport.onMessage = { false }
                pass(1.minutes)
                updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Subscribed>().recovery shouldBe Recovery.Gap
                serverSays("room", hello)
                updates.awaitItem().shouldBeInstanceOf<TopicUpdate.Received<*>>().value shouldBe hello
                updates.cancel()
            }
        }
    }

    test("it is asked for less and less often") {
        clientTest {
            val messages = collect(room().messages)
            transport.refuseSubscribes("internal")
            transport.wire.cut()

            pass(10.minutes)

            val asked = transport.wire.sent(MessageType.SUBSCRIBE).size
            (asked in 15..26) shouldBe true
            messages.cancel()
            settle()
            pass(2.minutes)
            transport.wire.sent(MessageType.SUBSCRIBE).size shouldBe asked
        }
    }

    test("what does not pass ends the flow of one who was in as well") {
        clientTest {
            val messages = collect(room().messages)
            transport.refuseSubscribes("forbidden")
            transport.wire.cut()

            pass(2.seconds)

            messages.awaitError().shouldBeInstanceOf<LiveException>().code shouldBe ErrorCode.Forbidden
        }
    }

    test("one who was never in is told at once, whatever it is") {
        clientTest {
            transport.refuseSubscribes("internal")

            val messages = collect(room().messages)

            messages.awaitError().shouldBeInstanceOf<LiveException>().code shouldBe ErrorCode.Internal
        }
    }

    test("one who comes while the others wait is told at once, and they wait on") {
        clientTest {
            val first = collect(room().messages)
            transport.refuseSubscribes("internal")
            transport.wire.cut()
            pass(2.seconds)

            val second = collect(room().messages)
            pass(1.minutes)

            second.awaitError().shouldBeInstanceOf<LiveException>().code shouldBe ErrorCode.Internal
            transport.onMessage = { false }
            pass(1.minutes)
            serverSays("room", hello)
            first.awaitItem() shouldBe hello
            first.cancel()
        }
    }
})

private fun FakeTransport.refuseSubscribes(code: String) {
    onMessage = { message ->
        (message.type == MessageType.SUBSCRIBE).also { if (it) refuse(message, code, "not now") }
    }
}
