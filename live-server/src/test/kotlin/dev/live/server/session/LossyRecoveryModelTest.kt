@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.decode
import dev.live.server.broker.HistoryBounds
import dev.live.server.dialect.DialectTable
import dev.live.server.support.FakeHandlers
import dev.live.server.support.TestTopics
import dev.live.server.support.payload
import dev.live.server.support.publish
import dev.live.server.support.sessionSettings
import dev.live.server.support.testSession
import dev.live.server.topic.DeliverySettings
import dev.live.server.topic.LossyOverflow
import dev.live.server.topic.TopicPolicy
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.longs.shouldBeGreaterThan
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.random.Random
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Model test of topics with history and lossy delivery, with clients that read at random and disconnect. Offsets only
 * increase, no client is reported as recovered after a gap, and in the end each client has the messages it must get.
 */
class LossyRecoveryModelTest : FunSpec({
    val throttle = 100.milliseconds
    val deliveries =
        mapOf(
            "a conflated topic" to DeliverySettings(LossyOverflow.Conflate(limit = 1)),
            "a topic conflated by key" to DeliverySettings(LossyOverflow.Conflate(limit = KEYS)),
            "a throttled topic" to DeliverySettings(throttle = throttle),
            "a topic throttled by key" to DeliverySettings(LossyOverflow.Conflate(limit = KEYS), throttle),
            "a topic throttled by more keys than may wait" to
                DeliverySettings(LossyOverflow.Conflate(limit = 2), throttle),
            "a topic that drops the oldest" to DeliverySettings(LossyOverflow.DropOldest(limit = 3)),
        )

    for ((topic, delivery) in deliveries) {
        test("clients receive the newest messages of $topic in order, in 8,000 steps") {
            runTest {
                val model = LossyRecoveryModel(this, Random(topic.hashCode()), delivery)

                repeat(8_000) { model.step() }
                model.settle()

                model.end()
                model.seen shouldContainAll listOf("First", "Recovered", "Gap")
                model.lost shouldBeGreaterThan 100
            }
        }
    }
})

private const val KEYS = 3

private class LossyRecoveryModel(
    private val test: TestScope,
    private val random: Random,
    private val delivery: DeliverySettings,
) {
    private val history = HistoryBounds(size = 30, age = 1.hours, bytes = 1_000_000)
    private val topics =
        TestTopics(
            test.backgroundScope,
            DialectTable(listOf(JsonCodec)),
            linger = 1.seconds,
            fanOut = null,
            policy = TopicPolicy(history, delivery = delivery),
            clock = { test.currentTime },
        ).registry
    private val runtime =
        SessionRuntime(sessionSettings(queueCapacity = 12), topics, slot = 0) { test.currentTime }
    private val isByKey = (delivery.overflow as? LossyOverflow.Conflate)?.limit != 1 && delivery.overflow != null

    /** The key of each message, by its offset less one. */
    private val published = ArrayList<String?>()
    private val clients = List(5) { LossyClient() }

    /** The kinds of subscribe results that occurred. */
    val seen = HashSet<String>()

    val lost: Long get() = topics.find(TOPIC)!!.drops!!.snapshot().run { conflated + dropped }

    suspend fun step() {
        val client = clients.random(random)
        when (random.nextInt(100)) {
            in 0..54 -> publish()
            in 55..84 -> if (random.nextInt(3) > 0) client.read(1 + random.nextInt(4))
            in 85..91 -> if (client.session == null) client.reconnect() else client.leave()
            92 -> repeat(random.nextInt(60)) { publish() }
            93 -> if (random.nextInt(3) == 0) settle()
            else -> test.advanceTimeBy(random.nextInt(80).milliseconds)
        }
    }

    /** All clients read everything, including throttled messages. */
    suspend fun settle() {
        repeat(4) {
            test.advanceTimeBy(150.milliseconds)
            for (client in clients) while (client.read(100) > 0) test.runCurrent()
        }
        for (client in clients) if (client.session != null) client.checkComplete()
    }

    suspend fun end() = clients.forEach { it.leave() }

    private suspend fun publish() {
        val key = if (isByKey) "k${random.nextInt(KEYS)}" else null
        published += key
        topics.publish(TOPIC, Body.json("${published.size}"), key = key)
    }

    private inner class LossyClient {
        var session: Session<Unit>? = null
            private set
        private var subscribing: Job? = null

        private var position: Position? = null

        /** Messages after this offset must be delivered. */
        private var deliverFrom = 0L

        /** No message up to this offset may be skipped: it was recovered, and the topic is only throttled. */
        private var completeUntil = 0L

        /** The newest received offset of each key. */
        private val newest = HashMap<String?, Long>()
        private val received = HashSet<Long>()

        private var isRecoverable = false

        suspend fun reconnect() {
            val session = testSession(runtime, test).also { it.state.queue.waker = Runnable {} }
            this.session = session
            isRecoverable = position?.let { published.size - it.offset <= history.size } == true
            val since = position
            subscribing =
                test.launch(start = CoroutineStart.UNDISPATCHED) {
                    session.subscriptions.subscribe(
                        TOPIC,
                        FakeHandlers(),
                        Message(MessageType.ACK),
                        since = since,
                    )
                }
        }

        suspend fun leave() {
            val session = session ?: return
            subscribing!!.cancelAndJoin()
            session.subscriptions.unsubscribeAll()
            session.state.queue.cancel()
            this.session = null
        }

        /** Takes up to [most] frames like the session's writer; returns their number. */
        suspend fun read(most: Int): Int {
            val session = session ?: return 0
            val frames = session.state.queue.takenFrames(most).orEmpty()
            for (frame in frames) onMessage(JsonCodec.decode(frame.payload()))
            test.runCurrent()
            if (!session.isOpen && frames.isEmpty()) leave() // closed as a slow consumer
            return frames.size
        }

        private fun onMessage(message: Message) {
            if (message.type == MessageType.ACK) return onSubscribed(message.decode())
            val offset = message.offset!!
            offset shouldBeGreaterThan position!!.offset
            if (offset <= completeUntil) offset shouldBe position!!.offset + 1
            message.decode<Long>() shouldBe offset
            position = Position(position!!.epoch, offset)
            newest[published[offset.toInt() - 1]] = offset
            received += offset
        }

        private fun onSubscribed(data: SubscribedData) {
            seen += if (position == null) {
                "First"
            } else if (data.recovered) {
                "Recovered"
            } else {
                "Gap"
            }
            data.recovered shouldBe isRecoverable
            completeUntil = if (data.recovered && delivery.overflow == null) data.offset else 0
            if (data.recovered) return
            position = Position(data.epoch, data.offset)
            deliverFrom = data.offset
            newest.clear()
        }

        /** Checks that the client has the newest messages of the topic or of each key, as the policy guarantees. */
        fun checkComplete() {
            val last = published.size.toLong()
            val kept = (delivery.overflow as? LossyOverflow.DropOldest)?.limit ?: 1
            for (offset in last downTo maxOf(deliverFrom, last - kept) + 1) (offset in received) shouldBe true
            if ((delivery.overflow as? LossyOverflow.Conflate)?.limit != KEYS) return
            for (key in published.toSet()) {
                val offset = published.lastIndexOf(key) + 1L
                if (offset > deliverFrom) newest[key] shouldBe offset
            }
        }
    }

    private companion object {
        const val TOPIC = "t"
    }
}
