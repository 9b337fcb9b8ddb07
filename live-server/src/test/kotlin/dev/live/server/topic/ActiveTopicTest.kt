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

    test("a subscriber gets its ack, then every message, then the ack of its leaving and nothing more") {
        runTest {
            val hub = hub(backgroundScope)
            val ann = FakeSubscriber()

            hub.publish(prepared(textMessage("before")))
            hub.join(ann, ack)
            hub.publish(prepared(textMessage("a")))
            hub.publish(prepared(textMessage("b")))
            hub.leave(ann, ack)
            hub.publish(prepared(textMessage("after")))
            runCurrent()

            ann.texts() shouldContainExactly listOf("ack", "a", "b", "ack")
        }
    }

    test("a subscriber that leaves in silence gets nothing more") {
        runTest {
            val hub = hub(backgroundScope)
            val ann = FakeSubscriber()

            hub.join(ann, ack)
            hub.leave(ann)
            hub.publish(prepared(textMessage("after")))
            runCurrent()

            ann.texts() shouldBe listOf("ack")
            hub.size shouldBe 0
        }
    }

    test("a subscriber that does not take its ack is not in") {
        runTest {
            val hub = hub(backgroundScope)
            val ann = FakeSubscriber().apply { full = true }

            hub.join(ann, ack)

            hub.size shouldBe 0
        }
    }

    for ((where, actor, contexts) in places) {
        test("whoever joins among many publishers misses nothing after the ack, and gets nothing before it, $where")
            .config(timeout = 5.minutes) {
                withContext(Dispatchers.Default) {
                    repeat(ROUNDS) {
                        val hub = hub(this, actor = actor, inPlace = 100)
                        val started = AtomicIntegerArray(PUBLISHERS)
                        repeat(QUIET) { hub.join(FakeSubscriber(), ack) } // enough of them for a turn to matter
                        val publishers =
                            List(PUBLISHERS) { who ->
                                launch(contexts[who % contexts.size]) { publishAll(hub, who, started) }
                            }
                        val joined = List(SUBSCRIBERS) { async { joinAmid(hub, started) } }.awaitAll()
                        publishers.joinAll()
                        hub.join(FakeSubscriber(), ack) // everything before its ack has been delivered

                        for (one in joined) {
                            one.subscriber.texts().first() shouldBe "ack"
                            for (who in 0..<PUBLISHERS) {
                                val got = one.subscriber.texts().filter {
                                    it.startsWith("$who:")
                                }.map { it.substringAfter(':').toInt() }
                                got shouldContainExactly (MESSAGES - got.size + 1..MESSAGES).toList()
                                (MESSAGES - got.size) shouldBeLessThanOrEqual one.startedBefore[who]
                            }
                        }
                        hub.stop()
                    }
                }
            }

        test("whoever leaves among many publishers hears nothing after the ack, $where").config(timeout = 5.minutes) {
            withContext(Dispatchers.Default) {
                val hub = hub(this, actor = actor, inPlace = 100)
                repeat(QUIET) { hub.join(FakeSubscriber(), ack) }
                val started = AtomicIntegerArray(PUBLISHERS)
                val publishers =
                    List(PUBLISHERS) { who ->
                        launch(contexts[who % contexts.size]) { publishAll(hub, who, started) }
                    }

                val left = List(SUBSCRIBERS) {
                    async {
                        val subscriber = FakeSubscriber()
                        hub.join(subscriber, textMessage("in"))
                        repeat(Random.nextInt(20)) { yield() }
                        hub.leave(subscriber, textMessage("out"))
                        subscriber to subscriber.texts().size
                    }
                }.awaitAll()
                publishers.joinAll()
                hub.join(FakeSubscriber(), ack)

                for ((subscriber, countAtAck) in left) {
                    subscriber.texts().size shouldBe countAtAck
                    subscriber.texts().last() shouldBe "out"
                }
                hub.stop()
            }
        }
    }

    test("a publisher waits while the fan-out is a full buffer behind") {
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
private const val QUIET = 32

/** Where the fan-out runs, and where its publishers do; in that of whoever publishes it has to move now and then. */
private data class Place(val name: String, val actor: CoroutineContext?, val publishers: List<CoroutineContext>)

private val places =
    listOf(
        Place("on its own thread", EmptyCoroutineContext, listOf(EmptyCoroutineContext)),
        Place("in the publishers", null, listOf(EmptyCoroutineContext)),
        Place("in the publishers, of which some are event loops", null, listOf(loop(), EmptyCoroutineContext, loop())),
    )

/** A thread that reads from sockets. */
private fun loop(): CoroutineContext {
    val executor = Executors.newSingleThreadExecutor { Thread(it).apply { isDaemon = true } }
    executor.execute { ReadLoop.begin(executor::execute) }
    return executor.asCoroutineDispatcher()
}

/** Publishes 1 to [MESSAGES]; [started] says how far it has begun. */
private suspend fun publishAll(hub: ActiveTopic, who: Int, started: AtomicIntegerArray) {
    for (number in 1..MESSAGES) {
        started.set(who, number)
        hub.publish(prepared(textMessage("$who:$number")))
    }
}

/** What a publisher had not [startedBefore] the join returned must arrive. */
private class Joined(val subscriber: FakeSubscriber, val startedBefore: List<Int>)

private suspend fun joinAmid(hub: ActiveTopic, started: AtomicIntegerArray): Joined =
    coroutineScope {
        repeat(Random.nextInt(50)) { yield() }
        val subscriber = FakeSubscriber()
        hub.join(subscriber, ack)
        Joined(subscriber, List(PUBLISHERS) { started.get(it) })
    }
