package dev.live.server.transport

import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.topic.ReadLoop
import dev.live.server.worker.Batch
import dev.live.server.worker.Worker
import dev.live.server.worker.WorkerPool
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs
import io.netty.channel.MultiThreadIoEventLoopGroup
import io.netty.channel.nio.NioIoHandler
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runTest
import java.util.concurrent.Callable
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import kotlin.concurrent.thread

class NettyLoopTest : FunSpec({

    test("a task of afterwards runs at the end of the current read on the loop's thread") {
        val group = MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory())
        try {
            val steps = CopyOnWriteArrayList<String>()
            val isDone = CountDownLatch(1)
            val executor = group.next()
            executor.submit(
                Callable {
                    ReadLoop.current.shouldBeNull()
                    val loop = NettyLoop.of(executor)
                    ReadLoop.current shouldBeSameInstanceAs loop
                    loop.runAfterRead {
                        steps += if (executor.inEventLoop()) "afterwards" else "elsewhere"
                        isDone.countDown()
                    }
                    steps += "reading"
                },
            ).get()
            isDone.await()

            steps shouldContainExactly listOf("reading", "afterwards")
        } finally {
            group.shutdownGracefully()
        }
    }

    test("a coroutine resumed in another task runs after that task on the same thread") {
        val group = MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory())
        try {
            val steps = CopyOnWriteArrayList<String>()
            val executor = group.next()
            val loop = executor.submit(Callable { NettyLoop.of(executor) }).get()
            val gate = CompletableDeferred<Unit>()
            val reader =
                CoroutineScope(loop.dispatcher).launch {
                    steps += "waits"
                    gate.await()
                    steps += if (executor.inEventLoop()) "resumed" else "resumed elsewhere"
                }

            loop.runAfterRead {
                gate.complete(Unit)
                steps += "delivered"
            }
            reader.join()

            steps shouldContainExactly listOf("waits", "delivered", "resumed")
        } finally {
            group.shutdownGracefully()
        }
    }

    test("sockets that a worker makes ready wait for the end of its batch, but those of other threads do not") {
        runTest {
            val executor = QueuedExecutor()
            val loop = NettyLoop(executor)
            val sources =
                List(4) { FakeSource().also { EmbeddedEnd(FrameLimits(LIMIT), loop).socket.pump(this, it, it) {} } }
            executor.runTasks()
            val hasOffered = CountDownLatch(1)
            val mayContinue = CountDownLatch(1)
            val pool = WorkerPool(limit = 1, start = { if (it is Worker) it.start() }) // nothing divides the batch
            try {
                pool.submit(
                    batchOf {
                        sources[0].offer("1")
                        sources[1].offer("2")
                        hasOffered.countDown()
                        mayContinue.await()
                        sources[2].offer("3")
                    },
                )
                hasOffered.await()
                executor.size shouldBe 0

                thread { sources[3].offer("4") }.join()
                executor.size shouldBe 1
                executor.runTasks()
                sources.map { it.waiting } shouldContainExactly listOf(0, 0, 0, 0)

                mayContinue.countDown()
                eventually(HANG_TIMEOUT) { executor.size shouldBe 1 }
                sources[2].waiting shouldBe 1
                executor.runTasks()
                sources[2].waiting shouldBe 0
            } finally {
                mayContinue.countDown()
                pool.close()
            }
        }
    }
})

private fun batchOf(task: Runnable) = Batch.of(task, mayBlock = false)
