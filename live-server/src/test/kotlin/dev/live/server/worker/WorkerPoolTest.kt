package dev.live.server.worker

import dev.live.server.support.CapturedLogs
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.amount
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.booleans.shouldBeFalse
import io.kotest.matchers.booleans.shouldBeTrue
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.ints.shouldBeGreaterThanOrEqual
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldStartWith
import io.kotest.property.Arb
import io.kotest.property.arbitrary.long
import io.kotest.property.checkAll
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Runnable
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicIntegerArray
import kotlin.concurrent.thread
import kotlin.coroutines.CoroutineContext
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds

class WorkerPoolTest : FunSpec({
    val pools = CopyOnWriteArrayList<WorkerPool>()

    fun pool(
        limit: Int = 64,
        parallelism: Int = 1,
        readers: CoroutineDispatcher = FakeFallback("readers"),
        handlers: CoroutineDispatcher = FakeFallback("handlers"),
        start: (Thread) -> Unit = Thread::start,
    ) = WorkerPool(limit, parallelism, readerFallback = readers, handlerFallback = handlers, start = start)
        .also(pools::add)

    afterTest { for (pool in pools) pool.close() }

    test("the tasks of a batch run in order on one daemon thread") {
        val names = LinkedBlockingQueue<String>()

        pool(start = withoutWatchdog).submit(
            batch(
                *Array(3) { i ->
                    Runnable {
                        names +=
                            "${i + 1} ${threadName()} ${Thread.currentThread().isDaemon}"
                    }
                },
            ),
        )

        List(3) { names.next() } shouldContainExactly List(3) { "${it + 1} live-worker-1 true" }
    }

    test("a call of a batch that repeats the one before it follows once") {
        val loop = FakeLoop()
        val steps = LinkedBlockingQueue<String>()
        val calls = listOf("a", "a", "b", "a").associateWith { name -> Runnable { steps += name } }
        val tasks = listOf("a", "a", "b", "a").map { name -> Runnable { loop.call(calls.getValue(name)) } }

        pool(start = withoutWatchdog).submit(batch(*tasks.toTypedArray()))

        loop.tasks.next().run()
        List(3) { steps.next() } shouldContainExactly listOf("a", "b", "a")
        steps.shouldBeEmpty()
    }

    test("the calls of a batch to an event loop follow at its end as one task") {
        val loop = FakeLoop()
        val other = FakeLoop()
        val steps = LinkedBlockingQueue<String>()
        val tasks =
            List(3) { i -> Runnable { loop.call { steps += "$i" } } } + Runnable { other.call { steps += "other" } }

        pool(start = withoutWatchdog).submit(batch(*tasks.toTypedArray()))

        loop.tasks.next().run()
        other.tasks.next().run()
        loop.tasks.shouldBeEmpty()
        List(4) { steps.next() } shouldContainExactly listOf("0", "1", "2", "other")
    }

    test("while a task blocks, the calls before it are passed on, and the rest of its batch runs on another thread") {
        val loop = FakeLoop()
        val gate = CountDownLatch(1)
        val isRestRun = CountDownLatch(1)

        pool().submit(batch({ loop.call {} }, { gate.await() }, { isRestRun.countDown() }))

        loop.tasks.next()
        isRestRun.await()
        gate.countDown()
    }

    test("a task that was blocked calls event loops at once") {
        val loop = FakeLoop()
        val gates = List(2) { CountDownLatch(1) }
        val isReplaced = CountDownLatch(1)

        pool().submit(
            batch(
                {
                    gates[0].await()
                    loop.call {}
                    gates[1].await()
                },
                { isReplaced.countDown() },
            ),
        )
        isReplaced.await()
        gates[0].countDown()

        loop.tasks.next()
        gates[1].countDown()
    }

    test("a batch that takes long is shared with idle threads, and its calls are passed on meanwhile") {
        val loop = FakeLoop()
        val names = ConcurrentHashMap.newKeySet<String>()
        val done = CountDownLatch(1)
        val short = Runnable {
            if (names.add(threadName())) loop.call {}
            val end = System.nanoTime() + 20_000
            while (names.size < 2 && System.nanoTime() < end) Thread.onSpinWait()
        }

        pool(parallelism = 2).submit(batch(*Array(1_000_000) { short }, { done.countDown() }))

        loop.tasks.next()
        done.await()
        names.size shouldBeGreaterThanOrEqual 2
    }

    test("tasks that all block for a short time run on many threads at once") {
        val running = AtomicInteger()
        val most = AtomicInteger()
        val done = CountDownLatch(1)
        val blocking = Runnable {
            most.accumulateAndGet(running.incrementAndGet(), ::maxOf)
            if (most.get() < 8) Thread.sleep(0, 300_000)
            running.decrementAndGet()
        }
        val pool = pool(parallelism = 1)

        pool.submit(batch(*Array(100_000) { blocking }))
        pool.submit(batch({ done.countDown() }))

        done.await()
        most.get() shouldBeGreaterThanOrEqual 8
    }

    test("a task that computes for long does not keep the rest of its batch from running") {
        val isRestRun = CountDownLatch(1)

        pool().submit(batch({ while (isRestRun.count > 0) Thread.onSpinWait() }, { isRestRun.countDown() }))

        isRestRun.await()
    }

    test("more tasks that compute than cores do not keep other tasks from running") {
        val isRestRun = CountDownLatch(1)
        val pool = pool(parallelism = 2)

        repeat(8) { pool.submit(batch({ while (isRestRun.count > 0) Thread.onSpinWait() })) }
        pool.submit(batch({ isRestRun.countDown() }))

        isRestRun.await()
    }

    test("while all threads are blocked, readers run elsewhere and handlers wait") {
        val gate = CountDownLatch(1)
        val readers = FakeFallback("readers")
        val steps = LinkedBlockingQueue<String>()
        CapturedLogs("dev.live.server.worker").use { logs ->
            val pool = pool(limit = 2, readers = readers)
            val started = CountDownLatch(2)
            repeat(2) {
                pool.submit(
                    handler {
                        started.countDown()
                        gate.await()
                    },
                )
            }
            pool.submit(batch({ steps += "early reader ${threadName()}" }))
            started.await()
            pool.submit(handler { steps += "handler" })
            pool.submit(batch({ steps += "reader ${threadName()}" }))

            // two sessions, in no order
            List(2) { steps.next() } shouldContainExactlyInAnyOrder listOf("early reader readers", "reader readers")
            steps.shouldBeEmpty()
            gate.countDown()
            steps.next() shouldBe "handler"
            logs.messages.single() shouldContain "All 2 threads for handlers are blocked"

            pool.submit(batch({ steps += threadName() }))
            steps.next() shouldStartWith "live-worker"
        }
    }

    test("a task that fails or is interrupted does not affect the next one") {
        val isInterrupted = LinkedBlockingQueue<Boolean>()

        CapturedLogs("dev.live.server.worker").use { logs ->
            pool().submit(
                batch(
                    { throw AssertionError("broken") },
                    { Thread.currentThread().interrupt() },
                    { isInterrupted += Thread.interrupted() },
                ),
            )

            isInterrupted.next().shouldBeFalse()
            logs.messages.single() shouldBe "A task of a session failed."
        }
    }

    test("threads without work end") {
        val pool = WorkerPool(limit = 4, parallelism = 4, keepAlive = 1.milliseconds).also(pools::add)
        val done = CountDownLatch(4)
        repeat(4) { pool.submit(batch({ done.countDown() })) }
        done.await()

        eventually(HANG_TIMEOUT) { pool.workers.shouldBeEmpty() }

        val again = CountDownLatch(1)
        pool.submit(batch({ again.countDown() }))
        again.await()
    }

    test("closing interrupts blocked tasks, ends all threads, and runs other tasks elsewhere") {
        val isInterrupted = CompletableFuture<Boolean>()
        val steps = LinkedBlockingQueue<String>()
        val pool = pool(limit = 1)
        val started = CountDownLatch(1)
        pool.submit(
            batch(
                {
                    started.countDown()
                    isInterrupted.complete(isInterruptedWhileBlocked())
                },
                { steps += "rest ${threadName()}" },
            ),
        )
        pool.submit(handler { steps += "waiting ${threadName()}" })
        started.await()
        val threads = pool.workers

        pool.close()

        isInterrupted.get().shouldBeTrue()
        threads.single().join()
        pool.submit(handler { steps += "late ${threadName()}" })
        List(3) { steps.next() }.sorted() shouldContainExactly
            listOf("late handlers", "rest readers", "waiting handlers")
        pool.workers.shouldBeEmpty()
        eventually(HANG_TIMEOUT) { liveThreads().filter { it in threads || "watchdog" in it.name }.shouldBeEmpty() }
    }

    test("a closed pool waits for no task that ignores the interrupt, and its thread ends with the task") {
        val gate = CountDownLatch(1)
        val started = CountDownLatch(1)
        val pool = pool()
        pool.submit(
            batch({
                started.countDown()
                while (gate.count > 0) isInterruptedWhileBlocked(gate)
            }),
        )
        started.await()
        val worker = pool.workers.single()

        pool.close()
        worker.isAlive.shouldBeTrue()
        gate.countDown()

        worker.join()
    }

    test("if no thread can be started, tasks run elsewhere until one can") {
        var isStartable = false
        val steps = LinkedBlockingQueue<String>()
        CapturedLogs("dev.live.server.worker").use { logs ->
            val pool =
                pool(start = { if (isStartable) it.start() else throw OutOfMemoryError("no more threads") })

            pool.submit(batch({ steps += threadName() }))
            pool.submit(handler { steps += threadName() })
            List(2) { steps.next() } shouldContainExactlyInAnyOrder listOf("readers", "handlers")
            isStartable = true
            pool.submit(batch({ steps += threadName() }))

            steps.next() shouldStartWith "live-worker"
            logs.messages.single() shouldStartWith "A thread for handlers could not be started."
        }
    }

    test("every task runs once and every call arrives, however tasks block") {
        checkAll(amount(quick = 15, thorough = 300), Arb.long()) { seed ->
            val random = Random(seed)
            val loop = FakeLoop()
            val pool =
                pool(
                    limit = random.nextInt(1, 6),
                    parallelism = random.nextInt(1, 4),
                    readers = FakeFallback("readers"),
                )
            val sizes = List(random.nextInt(1, 30)) { random.nextInt(1, 12) }
            val total = sizes.sum()
            val runs = AtomicIntegerArray(total)
            val done = CountDownLatch(total)
            var number = 0
            val batches = sizes.map { size ->
                val mayBlock = random.nextBoolean()
                val tasks = List(size) {
                    val i = number++
                    val millis = if (random.nextInt(4) == 0) random.nextLong(4) else -1L
                    Runnable {
                        runs.incrementAndGet(i)
                        if (millis == 1L || millis == 3L) Thread.sleep(millis)
                        loop.call { done.countDown() }
                        if (millis == 0L || millis == 2L) Thread.sleep(millis)
                    }
                }
                Batch(ArrayList(tasks), mayBlock = mayBlock)
            }

            val submitters = batches.chunked(10).map { chunk -> thread { chunk.forEach(pool::submit) } }
            submitters.forEach { it.join() }
            while (done.count > 0) loop.tasks.next().run()

            List(total) { runs[it] } shouldBe List(total) { 1 }
            pool.close()
        }
    }
})

/** Batches are not divided, however long their tasks take. */
private val withoutWatchdog: (Thread) -> Unit = { if (it is Worker) it.start() }

/** An event loop that runs its tasks when the test asks for it. */
private class FakeLoop : Executor {
    val tasks = LinkedBlockingQueue<Runnable>()

    override fun execute(task: Runnable) {
        tasks += task
    }

    fun call(task: Runnable) {
        if (!Worker.defer(this, task)) execute(task)
    }
}

/** Runs each task on a thread of its own. */
private class FakeFallback(private val name: String) : CoroutineDispatcher() {
    override fun dispatch(context: CoroutineContext, block: Runnable) {
        thread(name = name) { block.run() }
    }
}

private fun batch(vararg tasks: Runnable) = Batch(tasks.toCollection(ArrayList<Runnable?>()))

private fun handler(task: Runnable) = Batch.of(task, mayBlock = true)

private fun threadName() = Thread.currentThread().name

private fun liveThreads() = Thread.getAllStackTraces().keys.filter { it.name.startsWith("live-") }

private fun isInterruptedWhileBlocked(gate: CountDownLatch = CountDownLatch(1)): Boolean =
    try {
        gate.await()
        false
    } catch (_: InterruptedException) {
        true
    }

private fun <T : Any> LinkedBlockingQueue<T>.next(): T =
    poll(HANG_TIMEOUT.inWholeSeconds, TimeUnit.SECONDS).shouldNotBeNull()
