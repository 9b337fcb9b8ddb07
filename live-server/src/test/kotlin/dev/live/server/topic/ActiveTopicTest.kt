@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.topic

import dev.live.server.support.FakeSubscriber
import dev.live.server.support.prepared
import dev.live.server.support.textMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicIntegerArray
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.random.Random
import kotlin.time.Duration.Companion.minutes

class ActiveTopicTest : FunSpec({

    test("a subscriber receives its ack, every message, the ack of its unsubscribe, and nothing more") {
        runTest {
            val hub = hub(backgroundScope)
            val ann = FakeSubscriber()

            hub.publish(prepared(textMessage("before")))
            hub.subscribe(ann, ack)
            hub.publish(prepared(textMessage("a")))
            hub.publish(prepared(textMessage("b")))
            hub.unsubscribe(ann, ack)
            hub.publish(prepared(textMessage("after")))
            runCurrent()

            ann.texts() shouldContainExactly listOf("ack", "a", "b", "ack")
        }
    }

    test("a subscriber that leaves without an ack receives nothing more") {
        runTest {
            val hub = hub(backgroundScope)
            val ann = FakeSubscriber()

            hub.subscribe(ann, ack)
            hub.unsubscribe(ann)
            hub.publish(prepared(textMessage("after")))
            runCurrent()

            ann.texts() shouldBe listOf("ack")
            hub.size shouldBe 0
        }
    }

    test("a subscriber that rejects its ack is not subscribed") {
        runTest {
            val hub = hub(backgroundScope)
            val ann = FakeSubscriber().apply { full = true }

            hub.subscribe(ann, ack)

            hub.size shouldBe 0
        }
    }

    for ((setup, actor, contexts) in setups) {
        test("a subscriber that joins during publishes receives every message after its ack and none before, $setup")
            .config(timeout = 5.minutes) {
                withContext(Dispatchers.Default) {
                    repeat(ROUNDS) {
                        val hub = hub(this, actor = actor, inPlace = 100)
                        val started = AtomicIntegerArray(PUBLISHERS)
                        repeat(OTHER_SUBSCRIBERS) { hub.subscribe(FakeSubscriber(), ack) } // enough to defer delivery
                        val publishers =
                            List(PUBLISHERS) { publisher ->
                                launch(contexts[publisher % contexts.size]) { publishAll(hub, publisher, started) }
                            }
                        val joined = List(SUBSCRIBERS) { async { joinDuringPublishes(hub, started) } }.awaitAll()
                        publishers.joinAll()
                        hub.subscribe(FakeSubscriber(), ack) // everything before its ack has been delivered

                        for (one in joined) {
                            one.subscriber.texts().first() shouldBe "ack"
                            for (publisher in 0..<PUBLISHERS) {
                                val received = one.subscriber.texts().filter {
                                    it.startsWith("$publisher:")
                                }.map { it.substringAfter(':').toInt() }
                                received shouldContainExactly (MESSAGES - received.size + 1..MESSAGES).toList()
                                (MESSAGES - received.size) shouldBeLessThanOrEqual one.startedBefore[publisher]
                            }
                        }
                        hub.stop()
                    }
                }
            }

        test("a subscriber leaving during publishes gets nothing after its ack, $setup").config(timeout = 5.minutes) {
            withContext(Dispatchers.Default) {
                val hub = hub(this, actor = actor, inPlace = 100)
                repeat(OTHER_SUBSCRIBERS) { hub.subscribe(FakeSubscriber(), ack) }
                val started = AtomicIntegerArray(PUBLISHERS)
                val publishers =
                    List(PUBLISHERS) { publisher ->
                        launch(contexts[publisher % contexts.size]) { publishAll(hub, publisher, started) }
                    }

                val left = List(SUBSCRIBERS) {
                    async {
                        val subscriber = FakeSubscriber()
                        hub.subscribe(subscriber, textMessage("in"))
                        repeat(Random.nextInt(20)) { yield() }
                        hub.unsubscribe(subscriber, textMessage("out"))
                        subscriber to subscriber.texts().size
                    }
                }.awaitAll()
                publishers.joinAll()
                hub.subscribe(FakeSubscriber(), ack)

                for ((subscriber, countAtAck) in left) {
                    subscriber.texts().size shouldBe countAtAck
                    subscriber.texts().last() shouldBe "out"
                }
                hub.stop()
            }
        }
    }

    test("publish suspends while the buffer is full") {
        runTest {
            val hub = hub(backgroundScope, buffer = 2)
            var published = 0

            launch(start = CoroutineStart.UNDISPATCHED) {
                repeat(5) {
                    hub.publish(prepared(textMessage("$it")))
                    published++
                }
            }

            published shouldBe 2
            runCurrent()
            published shouldBe 5
        }
    }
})

private const val ROUNDS = 20
private const val PUBLISHERS = 4
private const val MESSAGES = 200
private const val SUBSCRIBERS = 16
private const val OTHER_SUBSCRIBERS = 32

/** The context of the topic's actor and of its publishers. A null [actor] delivers in the publisher. */
private data class Setup(val name: String, val actor: CoroutineContext?, val publishers: List<CoroutineContext>)

private val setups =
    listOf(
        Setup("delivered by the topic's actor", EmptyCoroutineContext, listOf(EmptyCoroutineContext)),
        Setup("delivered by the publishers", null, listOf(EmptyCoroutineContext)),
        Setup(
            "delivered by the publishers, some of them on socket-reading threads",
            null,
            listOf(socketReadingThread(), EmptyCoroutineContext, socketReadingThread()),
        ),
    )

/** A thread that counts as reading from sockets. */
private fun socketReadingThread(): CoroutineContext {
    val executor = Executors.newSingleThreadExecutor { Thread(it).apply { isDaemon = true } }
    executor.execute { ReadLoop.register(executor::execute) }
    return executor.asCoroutineDispatcher()
}

/** Publishes 1 to [MESSAGES] and stores the number of each message in [started] before it. */
private suspend fun publishAll(hub: ActiveTopic, publisher: Int, started: AtomicIntegerArray) {
    for (number in 1..MESSAGES) {
        started.set(publisher, number)
        hub.publish(prepared(textMessage("$publisher:$number")))
    }
}

/** Messages that were not in [startedBefore] when the join returned must arrive. */
private class Joined(val subscriber: FakeSubscriber, val startedBefore: List<Int>)

private suspend fun joinDuringPublishes(hub: ActiveTopic, started: AtomicIntegerArray): Joined =
    coroutineScope {
        repeat(Random.nextInt(50)) { yield() }
        val subscriber = FakeSubscriber()
        hub.subscribe(subscriber, ack)
        Joined(subscriber, List(PUBLISHERS) { started.get(it) })
    }
