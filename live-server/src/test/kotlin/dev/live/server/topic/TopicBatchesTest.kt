@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.topic

import dev.live.server.support.FakeSubscriber
import dev.live.server.support.prepared
import dev.live.server.support.textMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withContext
import java.util.concurrent.Executors

/** Delivery of messages in batches. */
class TopicBatchesTest : FunSpec({

    test("messages published before the topic runs are delivered as one batch in order") {
        runTest {
            val hub = hub(backgroundScope)
            val ann = FakeSubscriber()
            hub.subscribe(ann, ack)

            for (text in listOf("a", "b", "c")) hub.publish(prepared(textMessage(text)))
            runCurrent()
            hub.publish(prepared(textMessage("d")))
            runCurrent()

            ann.texts() shouldContainExactly listOf("ack", "a", "b", "c", "d")
            ann.batchSizes shouldBe listOf(3)
        }
    }

    test("messages published before a join or leave are delivered before it") {
        runTest {
            val hub = hub(backgroundScope)
            val ann = FakeSubscriber("ann")
            val bob = FakeSubscriber("bob")
            hub.subscribe(ann, ack)

            launch(start = CoroutineStart.UNDISPATCHED) {
                hub.publish(prepared(textMessage("a")))
                hub.subscribe(bob, ack)
            }
            hub.publish(prepared(textMessage("b")))
            launch(start = CoroutineStart.UNDISPATCHED) { hub.unsubscribe(ann, ack) }
            hub.publish(prepared(textMessage("c")))
            runCurrent()

            ann.texts() shouldContainExactly listOf("ack", "a", "b", "ack")
            bob.texts() shouldContainExactly listOf("ack", "b", "c")
        }
    }

    test("batches have at most 32 messages or 16 KiB") {
        runTest {
            val hub = hub(backgroundScope)
            val ann = FakeSubscriber()
            hub.subscribe(ann, ack)

            repeat(40) { hub.publish(prepared(textMessage("$it"))) }
            runCurrent()
            repeat(5) { hub.publish(prepared(textMessage("x".repeat(6_000)))) }
            runCurrent()

            ann.batchSizes shouldBe listOf(32, 8, 3, 2)
        }
    }

    test("a cancelled publisher does not delay earlier messages") {
        runTest {
            val hub = hub(backgroundScope, buffer = 2)
            val ann = FakeSubscriber()
            hub.subscribe(ann, ack)
            repeat(2) { hub.publish(prepared(textMessage("$it"))) }

            val waiting = launch(start = CoroutineStart.UNDISPATCHED) { hub.publish(prepared(textMessage("late"))) }
            waiting.cancel()
            runCurrent()

            ann.texts() shouldContainExactly listOf("ack", "0", "1")
        }
    }

    for (failure in listOf(IllegalStateException("broken"), AssertionError("broken"))) {
        test(
            "a batch that fails with ${failure::class.simpleName} affects only its subscriber, and a join succeeds",
        ) {
            runTest {
                val hub = hub(backgroundScope)
                val ann = FakeSubscriber("ann")
                val bob = FakeSubscriber("bob")
                val eve = FakeSubscriber("eve")
                hub.subscribe(eve, ack)
                hub.subscribe(ann, ack)
                eve.failure = failure

                for (text in listOf("a", "b")) hub.publish(prepared(textMessage(text)))
                val joining = launch(start = CoroutineStart.UNDISPATCHED) { hub.subscribe(bob, ack) }
                hub.publish(prepared(textMessage("c")))
                runCurrent()

                joining.isCompleted shouldBe true
                ann.texts() shouldContainExactly listOf("ack", "a", "b", "c")
                bob.texts() shouldContainExactly listOf("ack", "c")
            }
        }
    }

    test("a socket-reading thread delivers to many at the end of its read, and to few at once") {
        val thread = Executors.newSingleThreadExecutor()
        thread.asCoroutineDispatcher().use { reader ->
            withContext(reader) {
                val readLoop = FakeReadLoop()
                ReadLoop.register(readLoop)
                val hub = hub(this, actor = null)
                try {
                    val subscribers = List(32) { FakeSubscriber("s$it") }
                    for (subscriber in subscribers.drop(1)) hub.subscribe(subscriber, ack)

                    hub.publish(prepared(textMessage("a")))
                    hub.publish(prepared(textMessage("b")))
                    subscribers[1].texts() shouldBe listOf("ack", "a", "b")

                    hub.subscribe(subscribers[0], ack)
                    hub.publish(prepared(textMessage("c")))
                    hub.publish(prepared(textMessage("d")))
                    subscribers[1].texts() shouldBe listOf("ack", "a", "b")
                    readLoop.end()

                    subscribers[1].texts() shouldBe listOf("ack", "a", "b", "c", "d")
                    for (subscriber in subscribers) subscriber.batchSizes shouldBe listOf(2)
                } finally {
                    hub.stop()
                    readLoop.end()
                }
            }
        }
    }

    test("a thread that reads no sockets passes delivery to many on to one that does") {
        val thread = Executors.newSingleThreadExecutor()
        thread.asCoroutineDispatcher().use { reader ->
            coroutineScope {
                val readLoop = FakeReadLoop()
                val hub = hub(this, actor = null)
                try {
                    val subscribers = List(32) { FakeSubscriber("s$it") }
                    withContext(reader) {
                        ReadLoop.register(readLoop)
                        for (subscriber in subscribers) hub.subscribe(subscriber, ack)
                    }

                    hub.publish(prepared(textMessage("a")))
                    hub.publish(prepared(textMessage("b")))
                    subscribers[0].texts() shouldBe listOf("ack")
                    readLoop.end()

                    subscribers[0].texts() shouldBe listOf("ack", "a", "b")
                    for (subscriber in subscribers) subscriber.batchSizes shouldBe listOf(2)
                } finally {
                    hub.stop()
                    readLoop.end()
                }
            }
        }
    }

    test("a publisher delivers its own messages at once, in any number") {
        runTest {
            val hub = hub(backgroundScope, actor = null, inPlace = 10)
            val ann = FakeSubscriber("ann")
            hub.subscribe(ann, ack)

            val delivered =
                List(1_000) {
                    hub.publish(prepared(textMessage("a")))
                    ann.texts().size
                }

            delivered shouldContainExactly List(1_000) { it + 2 }
        }
    }
})

/** A read loop that ends its read when the test calls [end]. */
private class FakeReadLoop : ReadLoop {
    private val tasks = ArrayDeque<Runnable>()

    override fun runAfterRead(task: Runnable) {
        tasks += task
    }

    fun end() {
        while (true) (tasks.removeFirstOrNull() ?: break).run()
    }
}
