package dev.live.server.topic

import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.decode
import dev.live.server.dialect.DialectTable
import dev.live.server.support.FakeCodec
import dev.live.server.support.text
import dev.live.server.support.textMessage
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runTest
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** History in combination with other topic features. */
@OptIn(ExperimentalCoroutinesApi::class)
class HistoryCombinationsTest : FunSpec({
    val history = HistorySettings(size = 100, age = 10.minutes, bytes = 1_000_000)

    test("recovered messages keep their keys, so they do not conflate each other") {
        runTest {
            val delivery = DeliverySettings(LossyOverflow.Conflate(limit = 8))
            val hub = hub(this, TopicPolicy(history = history, delivery = delivery))
            hub.publish(keyed("a1", "a"))
            hub.publish(keyed("b1", "b"))
            val ann = RecordingSubscriber()

            hub.subscribe(ann, ack, Position(hub.epoch(), 0), capacity = 32)

            ann.messages.drop(1).map { it.key } shouldContainExactly listOf("a", "b")
        }
    }

    test("a throttled message is not recovered too: it arrives once and in order") {
        runTest {
            val hub = hub(this, TopicPolicy(history = history, delivery = DeliverySettings(throttle = 1.seconds)))
            for (text in listOf("1", "2", "3")) hub.publish(keyed(text))
            val ann = RecordingSubscriber()
            val bob = RecordingSubscriber()

            hub.subscribe(ann, ack, Position(hub.epoch(), 0), capacity = 32)
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
            val hub = hub(this, TopicPolicy(history = history, delivery = DeliverySettings(throttle = 1.seconds)))
            for (text in listOf("1", "2", "3")) hub.publish(keyed(text))
            val ann = RecordingSubscriber()

            val page = hub.readHistory(null)!!
            hub.subscribe(ann, ack, page.position, capacity = 32)
            advanceTimeBy(2.seconds)

            page.messages.map { it.text() } + ann.texts() shouldContainExactly listOf("1", "3@3")
        }
    }

    test("reading history after the server has stopped fails") {
        runTest {
            val hub = hub(this, TopicPolicy(history = history))
            hub.stop()

            shouldThrow<IllegalStateException> { hub.readHistory(null) }.message shouldBe "the server has stopped"
        }
    }

    test("a subscriber that joins again recovers messages and stays subscribed once") {
        runTest {
            val hub = hub(this, TopicPolicy(history = history))
            val ann = RecordingSubscriber()
            hub.subscribe(ann, ack)
            hub.publish(keyed("1"))

            hub.subscribe(ann, ack, Position(hub.epoch(), 0), capacity = 32)
            hub.publish(keyed("2"))

            ann.texts() shouldContainExactly listOf("1@1", "1@1", "2@2")
            hub.size shouldBe 1
        }
    }
})

private fun keyed(text: String, key: String? = null) =
    PreparedMessage(textMessage(text), DialectTable(listOf(FakeCodec())), key = key)

private suspend fun ActiveTopic.epoch(): String = readHistory(null)!!.position.epoch

private class RecordingSubscriber : Subscriber("seen") {
    val messages = ArrayList<PreparedMessage>()

    fun texts() =
        messages.map { it.message }.filter { it.type != MessageType.ACK }.map { "${it.text()}@${it.offset}" }

    override fun offer(batch: MessageBatch): Boolean = batch.messages.all(::offer)

    override fun offer(message: PreparedMessage): Boolean = messages.add(message)
}
