package dev.live.server.worker

import dev.live.server.support.FakeSubscriber
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.prepared
import dev.live.server.support.textMessage
import dev.live.server.topic.ReadLoop
import dev.live.server.topic.ack
import dev.live.server.topic.hub
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.booleans.shouldBeTrue
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.lang.ref.WeakReference
import java.util.concurrent.Callable
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.TimeUnit
import kotlin.coroutines.EmptyCoroutineContext

class ReaderDispatcherTest : FunSpec({
    // batches are not divided, however long their tasks take
    val pool = WorkerPool(limit = 8, parallelism = 2, start = { if (it is Worker) it.start() })
    val loopThread = Executors.newSingleThreadExecutor()
    val loop = QueuedReadLoop()
    val onLoop = loopThread.asCoroutineDispatcher()
    loopThread.submit { ReadLoop.register(loop) }.get()

    afterSpec {
        pool.close()
        onLoop.close()
    }

    test("the readers that one turn of an event loop resumes run as one batch on one thread, with its read loop") {
        val readers = ReaderDispatcher(pool)
        val seen = LinkedBlockingQueue<Pair<Thread, ReadLoop?>>()
        withContext(onLoop) {
            repeat(3) { readers.run { seen += Thread.currentThread() to ReadLoop.current } }
        }
        seen.shouldBeEmpty()

        loop.tasks.next().run()

        val runs = List(3) { seen.next() }
        for ((thread, readLoop) in runs) {
            thread shouldBeSameInstanceAs runs[0].first
            readLoop shouldBe loop
        }
        loop.tasks.shouldBeEmpty()
    }

    test("readers that other threads resume run at once, also those that a worker resumes") {
        val readers = ReaderDispatcher(pool)
        val isWorker = LinkedBlockingQueue<Boolean>()
        readers.run {
            isWorker += Worker.isCurrent
            readers.run { isWorker += Worker.isCurrent }
        }

        List(2) { isWorker.next() } shouldContainExactly listOf(true, true)
        loop.tasks.shouldBeEmpty()
    }

    test("a handler runs on another thread while the reader that dispatched it blocks") {
        val readers = ReaderDispatcher(pool)
        val isHandled = CountDownLatch(2)
        readers.run {
            repeat(2) { readers.handlers.run { isHandled.countDown() } }
            isHandled.await()
        }

        isHandled.await(HANG_TIMEOUT.inWholeSeconds, TimeUnit.SECONDS).shouldBeTrue()
    }

    test("readers run at once if their event loop rejects tasks, also later ones of the same turn") {
        val readers = ReaderDispatcher(pool)
        val isRun = LinkedBlockingQueue<Int>()
        val rejecting = Executors.newSingleThreadExecutor()
        try {
            rejecting.submit {
                ReadLoop.register { throw RejectedExecutionException("stopped") }
                for (i in 1..2) readers.run { isRun += i }
            }.get()

            List(2) { isRun.next() } shouldContainExactlyInAnyOrder listOf(1, 2)
        } finally {
            rejecting.shutdown()
        }
    }

    test("an event loop keeps no closed dispatcher in memory") {
        val dispatcher = loopThread.submit(Callable { usedAndClosed() }).get()
        loop.tasks.next().run()

        eventually(HANG_TIMEOUT) {
            System.gc()
            dispatcher.get().shouldBeNull()
        }
    }

    test("the publishes of one turn reach many subscribers as one batch, delivered on the event loop") {
        val readers = ReaderDispatcher(pool)
        val test = this
        val hub = hub(test, actor = null)
        try {
            val subscribers = List(32) { FakeSubscriber("s$it") }
            val isReady = CountDownLatch(1)
            withContext(onLoop) {
                test.launch(readers) {
                    for (subscriber in subscribers) hub.subscribe(subscriber, ack)
                    isReady.countDown()
                }
            }
            while (isReady.count > 0) loop.tasks.poll(1, TimeUnit.MILLISECONDS)?.run()

            val isPublished = CountDownLatch(3)
            withContext(onLoop) {
                for (text in listOf("a", "b", "c")) {
                    test.launch(readers) {
                        hub.publish(prepared(textMessage(text)))
                        isPublished.countDown()
                    }
                }
            }
            loop.tasks.next().run()
            isPublished.await()
            subscribers[0].texts() shouldContainExactly listOf("ack")
            loop.tasks.next().run()

            for (subscriber in subscribers) subscriber.texts() shouldContainExactly listOf("ack", "a", "b", "c")
            for (subscriber in subscribers) subscriber.batchSizes shouldBe listOf(3)
        } finally {
            hub.stop()
            while (true) (loop.tasks.poll() ?: break).run()
        }
    }
})

/** A read loop that ends its read when the test takes its tasks. */
private class QueuedReadLoop : ReadLoop {
    val tasks = LinkedBlockingQueue<Runnable>()

    override fun runAfterRead(task: Runnable) {
        tasks += task
    }
}

/** The event loop of the calling thread has received a task of this dispatcher. */
private fun usedAndClosed(): WeakReference<ReaderDispatcher> {
    val pool = WorkerPool(limit = 1)
    val dispatcher = ReaderDispatcher(pool)
    dispatcher.run {}
    pool.close()
    return WeakReference(dispatcher)
}

private fun CoroutineDispatcher.run(task: Runnable) = dispatch(EmptyCoroutineContext, task)

private fun <T : Any> LinkedBlockingQueue<T>.next(): T =
    poll(HANG_TIMEOUT.inWholeSeconds, TimeUnit.SECONDS).shouldNotBeNull()
