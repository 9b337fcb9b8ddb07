package dev.live.server.transport

import dev.live.server.topic.ReadLoop
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.types.shouldBeSameInstanceAs
import io.netty.channel.MultiThreadIoEventLoopGroup
import io.netty.channel.nio.NioIoHandler
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import java.util.concurrent.Callable
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch

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
})
