package dev.live.server.topic

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.HistoryBounds
import dev.live.server.support.FakeSubscriber
import dev.live.server.support.TestTopics
import dev.live.server.support.publish
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs
import io.kotest.matchers.types.shouldNotBeSameInstanceAs
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.pair
import io.kotest.property.checkAll
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.isActive
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.seconds

class TopicRegistryTest : FunSpec({

    test("an unused topic is removed after the linger time") {
        runTest {
            val topics = TestTopics(backgroundScope)
            topics.registry.retain("t")
            topics.now = 1_000
            topics.registry.release("t")

            topics.now = 30_999
            topics.registry.sweep()
            topics.registry.find("t").shouldNotBeNull()

            topics.now = 31_000
            topics.registry.sweep()
            topics.registry.find("t").shouldBeNull()
        }
    }

    test("the history of an unused topic is kept for its age, so that recovery works") {
        runTest {
            val policy = TopicPolicy(history = HistoryBounds(size = 10, age = 60.seconds, bytes = 1_000))
            val topics = TestTopics(backgroundScope, linger = 1.seconds, policy = policy)
            topics.registry.retain("t")
            topics.registry.release("t")
            topics.now = 1_000
            topics.registry.sweep()

            topics.now = 61_000
            topics.broker.sweep()
            topics.broker.topics shouldBe setOf("t")

            topics.now = 61_001
            topics.broker.sweep()
            topics.broker.topics shouldBe emptySet()
        }
    }

    test("retain returns the same topic within the linger time, a new one later") {
        runTest {
            val topics = TestTopics(backgroundScope)
            val first = topics.registry.retain("t")
            topics.registry.release("t")
            topics.now = 10_000
            topics.registry.retain("t") shouldBeSameInstanceAs first
            topics.registry.release("t")

            topics.now = 40_000
            topics.registry.sweep()

            topics.registry.retain("t") shouldNotBeSameInstanceAs first
        }
    }

    test("a publication to an inactive topic is dropped and creates nothing") {
        runTest {
            val topics = TestTopics(backgroundScope)

            topics.registry.publish("t")

            topics.registry.size shouldBe 0
        }
    }

    test("a topic exists exactly while it is used or lingers") {
        checkAll(Arb.list(Arb.pair(Arb.int(0..3), Arb.int(0..2)), 0..60)) { steps ->
            val scope = CoroutineScope(Dispatchers.Unconfined + Job())
            val topics = TestTopics(scope)
            val users = IntArray(3)
            val idleSince = arrayOfNulls<Long>(3)
            val exists = BooleanArray(3)

            for ((action, topic) in steps) {
                when (action) {
                    0 -> topics.registry.retain("$topic").also { users[topic]++ }.also { exists[topic] = true }
                    1 -> if (users[topic] > 0) {
                        topics.registry.release("$topic")
                        if (--users[topic] == 0) idleSince[topic] = topics.now
                    }
                    2 -> topics.now += 11_000L * (topic + 1)
                    else -> {
                        topics.registry.sweep()
                        for (i in 0..2) {
                            if (users[i] == 0 &&
                                topics.now - (idleSince[i] ?: 0) >= 30_000
                            ) {
                                exists[i] = false
                            }
                        }
                    }
                }
                for (i in 0..2) (topics.registry.find("$i") != null) shouldBe exists[i]
            }

            scope.cancel()
        }
    }

    test("the memory of unused histories is bounded, including the overhead per message and topic") {
        runTest {
            val policy = TopicPolicy(history = HistoryBounds(size = 100, age = 1.hours, bytes = 1_000))
            val topics = TestTopics(backgroundScope, policy = policy, maxIdleBytes = 2 * (100 * 256 + 1_024))
            for (name in listOf("a", "b", "c")) {
                topics.now++
                // an empty payload still counts the overhead
                repeat(100) { topics.registry.publish(name) }
            }

            topics.broker.sweep()

            topics.broker.topics shouldBe setOf("b", "c") // "a" was unused for the longest time
        }
    }

    test("a topic in use is never removed by a concurrent sweep") {
        withContext(Dispatchers.Default) {
            val topics = TestTopics(this, linger = Duration.ZERO).registry
            val sweeper = launch { while (isActive) topics.sweep().also { yield() } }

            List(4) {
                launch {
                    repeat(500) {
                        val subscriber = FakeSubscriber()
                        val hub = topics.retain("t")
                        hub.subscribe(subscriber, Message(MessageType.ACK)) // would suspend forever on a removed topic
                        topics.publish("t")
                        hub.unsubscribe(subscriber, Message(MessageType.ACK))
                        topics.release("t")
                        check("message" in subscriber.texts()) { "the publication went to another topic instance" }
                    }
                }
            }.joinAll()
            sweeper.cancelAndJoin()
            topics.sweep()

            topics.size shouldBe 0
            coroutineContextChildren() shouldHaveSize 0 // all topic coroutines have ended
        }
    }
})

private fun CoroutineScope.coroutineContextChildren(): List<Job> =
    coroutineContext[Job]!!.children.filter { it.isActive }.toList()
