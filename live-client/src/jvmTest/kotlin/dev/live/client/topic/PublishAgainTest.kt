package dev.live.client.topic

import app.cash.turbine.test
import dev.live.client.clientTest
import dev.live.client.hello
import dev.live.client.room
import dev.live.client.start
import dev.live.client.testing.FakeWire
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlin.time.Duration.Companion.seconds

/** A publish that reaches the server before the subscribe of the client's own collector. */
class PublishAgainTest : FunSpec({

    test("a publish that overtakes the subscribe of a collector is repeated after it") {
        clientTest {
            transport.onMessage = ::rejectUnlessSubscribed
            val publishing = start { room().publish(hello) }
            val collecting = start { room().messages.first() }
            settle()

            publishing.await()
            collecting.await() shouldBe hello
            transport.wire.received.map { it.type }.take(3) shouldContainExactly
                listOf("publish", "subscribe", "publish")
        }
    }

    test("a publish that is rejected again is not repeated a third time") {
        clientTest {
            transport.onMessage = { message ->
                (message.type == MessageType.PUBLISH).also { if (it) reject(message, "not_subscribed", "join first") }
            }
            val collecting = start { room().messages.first() }
            settle()

            shouldThrow<LiveException> { room().publish(hello) }.code shouldBe ErrorCode.NotSubscribed

            transport.wire.sent(MessageType.PUBLISH).size shouldBe 2
            collecting.cancelAndJoin()
        }
    }

    test("a publish is repeated only after not_subscribed and only with a collector") {
        for ((code, isCollected) in listOf("forbidden" to true, "not_subscribed" to false)) {
            clientTest {
                transport.onMessage = { message ->
                    (message.type == MessageType.PUBLISH).also { if (it) reject(message, code, "no") }
                }
                val collecting = if (isCollected) start { room().messages.first() } else null
                settle()

                shouldThrow<LiveException> { room().publish(hello) }.code.wire shouldBe code

                transport.wire.sent(MessageType.PUBLISH).size shouldBe 1
                collecting?.cancelAndJoin()
            }
        }
    }

    test("the timeout of a publish covers both attempts") {
        clientTest {
            transport.onMessage = { it.type == MessageType.PUBLISH }
            val publishing = start { room().publish(hello, timeout = 3.seconds) }
            val collecting = start { room().messages.first() }
            pass(2.seconds)
            transport.wire.let { it.reject(it.sent(MessageType.PUBLISH).single(), "not_subscribed", "join first") }
            pass(1.seconds)

            shouldThrow<LiveException> { publishing.await() }.code shouldBe ErrorCode.Timeout

            now shouldBe 3.seconds
            transport.wire.sent(MessageType.PUBLISH).size shouldBe 2
            collecting.cancelAndJoin()
        }
    }
})

private fun rejectUnlessSubscribed(wire: FakeWire, message: Message): Boolean {
    val isTooEarly = message.type == MessageType.PUBLISH && message.topic !in wire.subscribedTopics
    if (isTooEarly) wire.reject(message, "not_subscribed", "join first")
    return isTooEarly
}
