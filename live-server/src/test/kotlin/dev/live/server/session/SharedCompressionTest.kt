@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.session

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.HistoryBounds
import dev.live.server.dialect.DialectTable
import dev.live.server.frame.OutboundFrame
import dev.live.server.support.FakeCodec
import dev.live.server.support.FakeHandlers
import dev.live.server.support.TestSession
import dev.live.server.support.TestTopics
import dev.live.server.support.sessionSettings
import dev.live.server.support.textMessage
import dev.live.server.topic.TopicPolicy
import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.time.Duration.Companion.hours

/** Compression of a topic's messages for many sessions, in virtual time. */
class SharedCompressionTest : FunSpec({

    test("a publication to 100 sessions with compression and 100 without is encoded once and compressed once") {
        runTest {
            val compressions = ArrayList<OutboundFrame>()
            val codec = FakeCodec()
            val dialects = DialectTable(listOf(codec), compressor = { it.also(compressions::add) })
            val topics = TestTopics(backgroundScope, dialects).registry
            val slots = listOf(0, dialects.compressedSlot(0))
            val sessions = List(200) { TestSession(this, topics = topics, id = "s$it", slot = slots[it % 2]) }
            val jobs = sessions.map { it.start() }
            sessions.forEach { it.session.subscribe("t") }
            runCurrent()
            compressions.clear()
            codec.encodings.set(0)

            topics.publish("t", textMessage("hello").body)
            runCurrent()

            sessions.forAll { it.socket.texts() shouldContainExactly listOf("subscribe", "hello") }
            compressions.size shouldBe 1
            codec.encodings.get() shouldBe 1
            jobs.forEach { it.cancel() }
        }
    }

    for (isLong in listOf(false, true)) {
        val way = if (isLong) "that waits for the client" else "that fits into the queue"
        test("a recovery of 50 messages $way compresses nothing, and neither does its ack") {
            runTest {
                val compressions = ArrayList<OutboundFrame>()
                val dialects = DialectTable(listOf(FakeCodec()), compressor = { it.also(compressions::add) })
                val history = HistoryBounds(size = 100, age = 1.hours, bytes = 1_000_000)
                val topics = TestTopics(backgroundScope, dialects, policy = TopicPolicy(history)).registry
                val settings = sessionSettings(queueCapacity = if (isLong) 12 else 200)
                val client = TestSession(this, settings, topics = topics, slot = dialects.compressedSlot(0))
                val job = client.start()
                val start = topics.publish("t", textMessage("0").body)!!
                for (number in 1..50) topics.publish("t", textMessage("$number").body)
                runCurrent()

                val recovery = launch {
                    val ack = Message(MessageType.ACK, "t")
                    client.session.subscriptions.subscribe("t", FakeHandlers(), ack, since = start)
                }
                runCurrent()

                recovery.isCompleted shouldBe true
                client.socket.texts().takeLast(50) shouldContainExactly (1..50).map { "$it" }
                compressions.size shouldBe 0
                job.cancel()
            }
        }
    }
})
