@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.topic

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

/** What throws while a topic delivers, an error of the application's codec too. */
class TopicFailuresTest : FunSpec({

    for (failure in listOf(IllegalStateException("broken"), AssertionError("broken"))) {
        context("a subscriber whose offer throws ${failure::class.simpleName}") {
            test("costs the others no message, wherever it stands among them") {
                runTest {
                    for (place in 0..2) {
                        val hub = hub(backgroundScope)
                        val subscribers = List(3) { FakeSubscriber("s$it") }
                        for (subscriber in subscribers) hub.join(subscriber, ack)

                        subscribers[place].failure = failure
                        hub.publish(prepared(textMessage("a")))
                        hub.publish(prepared(textMessage("b")))
                        runCurrent()

                        for (other in subscribers - subscribers[place]) other.texts() shouldBe listOf("ack", "a", "b")
                    }
                }
            }

            test("fails its join instead of leaving it to wait") {
                runTest {
                    val hub = hub(backgroundScope)
                    val ann = FakeSubscriber().apply { this.failure = failure }

                    shouldThrowAny { hub.join(ann, ack) }.message shouldBe failure.message

                    hub.size shouldBe 0
                }
            }

            test("fails its leave instead of leaving it to wait, and is out") {
                runTest {
                    val hub = hub(backgroundScope)
                    val ann = FakeSubscriber()
                    hub.join(ann, ack)
                    ann.failure = failure

                    shouldThrowAny { hub.leave(ann, ack) }.message shouldBe failure.message

                    hub.size shouldBe 0
                }
            }
        }
    }

    test("of several messages that were held back, one that cannot be delivered takes none of the others with it") {
        runTest {
            val policy =
                TopicPolicy(delivery = Delivery(LossyOverflow.Conflate(limit = 8), throttle = 100.milliseconds))
            val hub = hub(this, policy)
            val ann = Picky(refused = "b")
            hub.join(ann, ack)

            for (word in listOf("first", "a", "b", "c")) {
                hub.publish(PreparedMessage(textMessage(word), CodecTable(listOf(FakeCodec())), key = word))
            }
            advanceTimeBy(101.milliseconds)

            ann.words shouldBe listOf("ack", "first", "a", "c")
        }
    }
})

/** Fails at one word. */
private class Picky(private val refused: String) : Subscriber("picky") {
    val words = ArrayList<String>()

    override fun offer(run: MessageBatch): Boolean = run.messages.all(::offer)

    override fun offer(message: PreparedMessage): Boolean {
        check(message.message.text() != refused) { "broken" }
        return words.add(message.message.text())
    }
}
