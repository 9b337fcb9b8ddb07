@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.topic

import app.cash.turbine.test
import dev.live.protocol.Body
import dev.live.server.support.FakeSubscriber
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.TestTopics
import dev.live.server.support.text
import dev.live.server.support.textMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest

class TopicMessagesTest : FunSpec({

    test("a collector receives messages published while it collects") {
        runTest {
            val topic = topic(TestTopics(backgroundScope))

            topic.publish("before")
            topic.messages.test(timeout = HANG_TIMEOUT) {
                runCurrent()
                topic.publish("a")
                topic.publish("b")

                awaitItem().text() shouldBe "a"
                awaitItem().text() shouldBe "b"
            }
        }
    }

    test("a slow collector loses the oldest messages and delays neither publishers nor subscribers") {
        runTest {
            val topics = TestTopics(backgroundScope, buffer = 3)
            val topic = topic(topics)
            val subscriber = FakeSubscriber()
            topics.registry.retain("t").subscribe(subscriber, textMessage("ack"))
            val collected = mutableListOf<String>()
            val gate = CompletableDeferred<Unit>()
            backgroundScope.launch {
                topic.messages.collect {
                    collected += it.text()
                    gate.await()
                }
            }
            runCurrent()

            topic.publish("1")
            runCurrent() // the collector holds the first message
            for (number in 2..10) topic.publish("$number")
            runCurrent()
            subscriber.texts().drop(1) shouldContainExactly (1..10).map { "$it" }
            gate.complete(Unit)
            runCurrent()

            collected shouldContainExactly listOf("1", "8", "9", "10")
        }
    }

    test("a collector keeps the topic active, and cancellation releases it") {
        runTest {
            val topics = TestTopics(backgroundScope)
            val collector = backgroundScope.launch { topic(topics).messages.collect {} }
            runCurrent()

            topics.now = 1_000_000
            topics.registry.sweep()
            topics.registry.find("t").shouldNotBeNull()

            collector.cancel()
            runCurrent()
            topics.now = 2_000_000
            topics.registry.sweep()
            topics.registry.find("t").shouldBeNull()
        }
    }

    test("messages are not replayed") {
        runTest {
            val topic = topic(TestTopics(backgroundScope))

            topic.messages.test(timeout = HANG_TIMEOUT) { topic.publish("a").also { awaitItem() } }

            topic.messages.replayCache shouldBe emptyList()
            topic.messages.test(timeout = HANG_TIMEOUT) { expectNoEvents() }
        }
    }

    test("an unused topic has no subscribers, an active one counts them") {
        runTest {
            val topics = TestTopics(backgroundScope)
            val topic = topic(topics)
            topic.subscribers shouldBe 0

            topics.registry.retain("t").subscribe(FakeSubscriber(), textMessage("ack"))

            topic.subscribers shouldBe 1
        }
    }
})

private fun topic(topics: TestTopics) = Topic("t", topics.registry)

private suspend fun Topic.publish(text: String) = publish(Body.bytes(text.encodeToByteArray()))
