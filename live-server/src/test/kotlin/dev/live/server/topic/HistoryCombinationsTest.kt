package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.decode
import dev.live.server.broker.HistoryBounds
import dev.live.server.support.TestTopics
import dev.live.server.support.publish
import dev.live.server.support.text
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runTest
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** History in combination with other topic features. */
@OptIn(ExperimentalCoroutinesApi::class)
class HistoryCombinationsTest : FunSpec({
    val history = HistoryBounds(size = 100, age = 10.minutes, bytes = 1_000_000)

    test("recovered messages keep their keys, so they do not conflate each other") {
        runTest {
            val topic = topic(TopicPolicy(history = history, delivery = DeliverySettings(LossyOverflow.Conflate(8))))
            topic.publish("a1", "a")
            topic.publish("b1", "b")
            val ann = RecordingSubscriber()

            topic.hub().subscribe(ann, ack, Position(topic.epoch(), 0), capacity = 32)

            ann.messages.drop(1).map { it.key } shouldContainExactly listOf("a", "b")
        }
    }

    test("a throttled message is not recovered too: it arrives once and in order") {
        runTest {
            val topic = topic(TopicPolicy(history = history, delivery = DeliverySettings(throttle = 1.seconds)))
            val hub = topic.hub()
            for (text in listOf("1", "2", "3")) topic.publish(text)
            val ann = RecordingSubscriber()
            val bob = RecordingSubscriber()

            hub.subscribe(ann, ack, Position(topic.epoch(), 0), capacity = 32)
            hub.subscribe(bob, ack)
            advanceTimeBy(2.seconds)

            ann.texts() shouldContainExactly listOf("1@1", "3@3")
            bob.texts() shouldContainExactly listOf("3@3")
            bob.messages.first().message.decode<SubscribedData>().offset shouldBe 1
        }
    }

    test(
        "history ends at the last unthrottled message, so a subscriber that resumes there receives later ones once",
    ) {
        runTest {
            val topic = topic(TopicPolicy(history = history, delivery = DeliverySettings(throttle = 1.seconds)))
            val hub = topic.hub()
            for (text in listOf("1", "2", "3")) topic.publish(text)
            val ann = RecordingSubscriber()

            val page = topic.registry.history("t", since = null)
            hub.subscribe(ann, ack, page.position, capacity = 32)
            advanceTimeBy(2.seconds)

            page.messages.map { it.text() } + ann.texts() shouldContainExactly listOf("1", "3@3")
        }
    }

    test("a subscriber that joins again recovers messages and stays subscribed once") {
        runTest {
            val topic = topic(TopicPolicy(history = history))
            val hub = topic.hub()
            val ann = RecordingSubscriber()
            hub.subscribe(ann, ack)
            topic.publish("1")

            hub.subscribe(ann, ack, Position(topic.epoch(), 0), capacity = 32)
            topic.publish("2")

            ann.texts() shouldContainExactly listOf("1@1", "1@1", "2@2")
            hub.size shouldBe 1
        }
    }
})

@OptIn(ExperimentalCoroutinesApi::class)
private fun TestScope.topic(policy: TopicPolicy) =
    TestTopics(backgroundScope, fanOut = null, policy = policy, clock = { currentTime })

private suspend fun TestTopics.hub(): ActiveTopic = registry.retain("t")

private suspend fun TestTopics.publish(text: String, key: String? = null) =
    registry.publish("t", Body.bytes(text.encodeToByteArray()), key = key)

private suspend fun TestTopics.epoch(): String = registry.history("t", since = null).position.epoch

private class RecordingSubscriber : Subscriber("seen") {
    val messages = ArrayList<PreparedMessage>()

    fun texts() =
        messages.map { it.message }.filter { it.type != MessageType.ACK }.map { "${it.text()}@${it.offset}" }

    override fun offer(batch: MessageBatch): Boolean = batch.messages.all(::offer)

    override fun offer(message: PreparedMessage): Boolean = messages.add(message)
}
