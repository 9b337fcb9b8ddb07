package dev.live.server.transport

import dev.live.server.topic.Turn
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.types.shouldBeSameInstanceAs
import io.netty.channel.MultiThreadIoEventLoopGroup
import io.netty.channel.nio.NioIoHandler
import java.util.concurrent.Callable
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch

class NettyLoopTest : FunSpec({

    test("a loop that has live's sockets says when its turn ends: behind what it is doing, on its thread") {
        val group = MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory())
        try {
            val steps = CopyOnWriteArrayList<String>()
            val isDone = CountDownLatch(1)
            val executor = group.next()
            executor.submit(
                Callable {
                    Turn.current.shouldBeNull()
                    val loop = NettyLoop.of(executor)
                    Turn.current shouldBeSameInstanceAs loop
                    loop.afterwards {
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
})
