package dev.live.netty

import io.netty.channel.EventLoopGroup
import io.netty.channel.IoHandlerFactory
import io.netty.channel.MultiThreadIoEventLoopGroup
import io.netty.util.concurrent.DefaultThreadFactory
import io.netty.util.concurrent.EventExecutor
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit

/** The event loops of one engine, which shuts them down when it stops. All of their threads run. */
internal class EventLoopGroups private constructor(val acceptors: EventLoopGroup, val workers: EventLoopGroup) {
    /** Ends all loops. Needed only if the engine cannot listen: it then does not end the workers. Thread-safe. */
    fun end() {
        for (group in listOf(acceptors, workers)) {
            group.shutdownGracefully(QUIET_MILLIS, END_TIMEOUT_MILLIS, TimeUnit.MILLISECONDS)
        }
    }

    companion object {
        /**
         * Starts the loops, and returns when all of them run.
         *
         * @throws Exception or a [LinkageError], if a loop cannot be created or started; then none is left running
         */
        fun open(type: EventLoopType, acceptors: Int, workers: Int): EventLoopGroups {
            val factory = type.handlers()
            val groups = mutableListOf<EventLoopGroup>()
            try {
                groups += group(type, "acceptor", acceptors, factory)
                groups += group(type, "worker", workers, factory)
                groups.flatten().forEach(::awaitStarted)
                return EventLoopGroups(groups[0], groups[1])
            } catch (e: Throwable) {
                groups.forEach { it.shutdownGracefully(0, 0, TimeUnit.SECONDS) }
                throw e
            }
        }

        private fun group(type: EventLoopType, role: String, size: Int, factory: IoHandlerFactory): EventLoopGroup =
            MultiThreadIoEventLoopGroup(size, DefaultThreadFactory("netty-${type.name}-$role", true), factory)

        /**
         * A ring is enabled by the thread of its loop. If that fails, the thread ends, and everything submitted to the
         * loop would wait forever.
         */
        private fun awaitStarted(loop: EventExecutor) {
            val started = CompletableFuture<Boolean>()
            loop.execute { started.complete(!loop.isShuttingDown) } // a failed loop still runs its tasks
            loop.terminationFuture().addListener { started.complete(false) }
            check(started.get(START_TIMEOUT_SECONDS, TimeUnit.SECONDS)) { "the thread of an event loop has failed" }
        }

        private const val START_TIMEOUT_SECONDS = 30L

        /** Lets connectors complete that are about to listen. Without their loop, their start would wait forever. */
        private const val QUIET_MILLIS = 200L
        private const val END_TIMEOUT_MILLIS = 5_000L
    }
}
