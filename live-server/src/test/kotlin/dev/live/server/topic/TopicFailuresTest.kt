@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.topic

import dev.live.server.dialect.DialectTable
import dev.live.server.support.FakeCodec
import dev.live.server.support.FakeSubscriber
import dev.live.server.support.prepared
import dev.live.server.support.text
import dev.live.server.support.textMessage
import io.kotest.assertions.throwables.shouldThrowAny
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.time.Duration.Companion.milliseconds

/** Failures during delivery, including errors of the application's codec. */
class TopicFailuresTest : FunSpec({

    for (failure in listOf(IllegalStateException("broken"), AssertionError("broken"))) {
        context("a subscriber whose offer throws ${failure::class.simpleName}") {
            test("does not affect other subscribers, in any order") {
                runTest {
                    for (index in 0..2) {
                        val hub = hub(backgroundScope)
                        val subscribers = List(3) { FakeSubscriber("s$it") }
                        for (subscriber in subscribers) hub.subscribe(subscriber, ack)

                        subscribers[index].failure = failure
                        hub.publish(prepared(textMessage("a")))
                        hub.publish(prepared(textMessage("b")))
                        runCurrent()

                        for (other in subscribers - subscribers[index]) other.texts() shouldBe listOf("ack", "a", "b")
                    }
                }
            }

            test("fails its join") {
                runTest {
                    val hub = hub(backgroundScope)
                    val ann = FakeSubscriber().apply { this.failure = failure }

                    shouldThrowAny { hub.subscribe(ann, ack) }.message shouldBe failure.message

                    hub.size shouldBe 0
                }
            }

            test("fails its leave, and is removed") {
                runTest {
                    val hub = hub(backgroundScope)
                    val ann = FakeSubscriber()
                    hub.subscribe(ann, ack)
                    ann.failure = failure

                    shouldThrowAny { hub.unsubscribe(ann, ack) }.message shouldBe failure.message

                    hub.size shouldBe 0
                }
            }
        }
    }

    test("a throttled message that cannot be delivered does not prevent the delivery of the others") {
        runTest {
            val policy =
                TopicPolicy(delivery = DeliverySettings(LossyOverflow.Conflate(limit = 8), throttle = 100.milliseconds))
            val hub = hub(this, policy)
            val ann = FailingSubscriber(failingText = "b")
            hub.subscribe(ann, ack)

            for (text in listOf("first", "a", "b", "c")) {
                hub.publish(PreparedMessage(textMessage(text), DialectTable(listOf(FakeCodec())), key = text))
            }
            advanceTimeBy(101.milliseconds)

            ann.texts shouldBe listOf("ack", "first", "a", "c")
        }
    }
})

/** Fails on one text. */
private class FailingSubscriber(private val failingText: String) : Subscriber("picky") {
    val texts = ArrayList<String>()

    override fun offer(batch: MessageBatch): Boolean = batch.messages.all(::offer)

    override fun offer(message: PreparedMessage): Boolean {
        check(message.message.text() != failingText) { "broken" }
        return texts.add(message.message.text())
    }
}
