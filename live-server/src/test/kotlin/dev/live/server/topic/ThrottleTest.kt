@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.dialect.DialectTable
import dev.live.server.support.FakeCodec
import dev.live.server.support.FakeSubscriber
import dev.live.server.support.textMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.time.Duration.Companion.milliseconds

class ThrottleTest : FunSpec({

    test("the first message is sent at once, then the newest one per interval") {
        runTest {
            val hub = throttled(DeliverySettings(throttle = 100.milliseconds))
            val ann = FakeSubscriber().also { hub.subscribe(it, Message(MessageType.ACK)) }

            for (text in listOf("a", "b", "c")) hub.publish(text)
            runCurrent()
            ann.texts() shouldContainExactly listOf("ack", "a")
            advanceTimeBy(99.milliseconds)
            ann.texts() shouldContainExactly listOf("ack", "a")
            advanceTimeBy(2.milliseconds)

            ann.texts() shouldContainExactly listOf("ack", "a", "c")
            hub.drops!!.snapshot().conflated shouldBe 1
            advanceTimeBy(200.milliseconds)
            hub.publish("d")
            runCurrent()
            ann.texts().last() shouldBe "d"
        }
    }

    test("throttled messages are sent in publish order") {
        runTest {
            val hub = throttled(DeliverySettings(LossyOverflow.Conflate(limit = 3), throttle = 100.milliseconds))
            val ann = FakeSubscriber().also { hub.subscribe(it, Message(MessageType.ACK)) }

            for (text in listOf("x0", "a1", "b1", "c1", "a2", "b2")) hub.publish(text, key = text.take(1))
            advanceTimeBy(101.milliseconds)

            ann.texts() shouldContainExactly listOf("ack", "x0", "c1", "a2", "b2")
        }
    }

    test("with keys the newest message of each key is sent, and the oldest key is dropped over the limit") {
        runTest {
            val hub = throttled(DeliverySettings(LossyOverflow.Conflate(limit = 2), throttle = 100.milliseconds))
            val ann = FakeSubscriber().also { hub.subscribe(it, Message(MessageType.ACK)) }

            for (text in listOf("x0", "a1", "b1", "a2", "b2", "c1")) hub.publish(text, key = text.take(1))
            advanceTimeBy(101.milliseconds)

            ann.texts() shouldContainExactly listOf("ack", "x0", "b2", "c1")
            hub.drops!!.snapshot().run { listOf(conflated, dropped) } shouldBe listOf(2L, 1L)
        }
    }
})

private fun TestScope.throttled(delivery: DeliverySettings) = hub(this, TopicPolicy(delivery = delivery))

private suspend fun ActiveTopic.publish(text: String, key: String? = null) =
    publish(PreparedMessage(textMessage(text), DialectTable(listOf(FakeCodec())), key = key))
