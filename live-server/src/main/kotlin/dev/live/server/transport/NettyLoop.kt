package dev.live.server.transport

import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.ReadLoop
import dev.live.server.worker.Worker
import io.netty.util.concurrent.EventExecutor
import io.netty.util.concurrent.FastThreadLocal
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Runnable
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.Executor
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.atomic.AtomicReference
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext

/**
 * State shared by the sockets of one event loop: the list of sockets ready to write, and the last write buffer.
 *
 * A fan-out makes thousands of sockets ready. They share one list and one task of the loop, so the loop is woken once
 * for all of them. Several messages for one socket are sent in one write.
 */
internal class NettyLoop(private val executor: EventExecutor) : Runnable, ReadLoop {
    /** Sockets ready to write, newest first, linked by [NettySocket.nextReady]; each at most once. */
    private val ready = AtomicReference<NettySocket?>()

    /** Like [ready], for sockets made ready by the loop itself, but oldest first. Only accessed by the loop. */
    private var ownFirst: NettySocket? = null
    private var ownLast: NettySocket? = null

    /**
     * Whether the loop drains sockets or delivers topics. Written by the loop; other threads that read it dispatch in
     * any case.
     */
    private var isBusy = false

    private val atOnce = Executor(::executeNow)

    /** Whether [run] was passed to the executor and has not begun. */
    private val isScheduled = AtomicBoolean()

    /** Schedules [run] if sockets wait for it. Not [atOnce], so that a worker's batch calls it once. */
    private val drains = Executor { if (ready.get() != null) schedule() }

    private val fallbackDispatcher by lazy { Dispatchers.Default.limitedParallelism(1) }

    /** The current batch. Only accessed by the loop. */
    val batch: Array<OutboundFrame?> = arrayOfNulls(MAX_BATCH)

    /** The last write. Only accessed by the loop. */
    val writeBuffer: SharedWriteBuffer = SharedWriteBuffer()

    /** Runs coroutines on the loop; in place if they are already there. */
    val dispatcher: CoroutineDispatcher = Dispatcher()

    val isCurrent: Boolean get() = executor.inEventLoop()

    /**
     * Schedules [socket] for writing: from a worker at the end of its batch, from other threads at once, together with
     * the sockets that workers have added. Thread-safe; a socket must not be added again before it starts writing.
     */
    fun add(socket: NettySocket) {
        if (isCurrent) return addOwn(socket)
        do {
            val head = ready.get()
            socket.nextReady = head
        } while (!ready.compareAndSet(head, socket))
        if (!isScheduled.get() && !Worker.defer(drains, this)) schedule()
    }

    private fun schedule() {
        if (isScheduled.compareAndSet(false, true)) executeNow(this)
    }

    private fun addOwn(socket: NettySocket) {
        val last = ownLast
        ownLast = socket
        if (last != null) {
            last.nextReady = socket
            return
        }
        ownFirst = socket
        schedule()
    }

    /** Writes to the ready sockets: first those of the loop itself, then the others, in the order they became ready. */
    override fun run() {
        isScheduled.set(false) // first: sockets added from now on need another run
        val others = reversed(ready.getAndSet(null))
        val first = ownFirst ?: others
        ownLast?.nextReady = others
        ownFirst = null
        ownLast = null
        whileBusy {
            var next = first
            while (next != null) {
                val socket = next
                next = socket.nextReady
                socket.nextReady = null
                try {
                    socket.drain()
                } catch (e: Throwable) {
                    // such as a failed allocation: closes only this socket and its session; its current batch is lost
                    batch.fill(null)
                    log.error("Failed to write to a socket. The connection is closed.", e)
                    socket.fail(e)
                }
            }
        }
        writeBuffer.release()
    }

    /** Reverses the list, so that the first socket that was ready writes first. */
    private fun reversed(newest: NettySocket?): NettySocket? {
        var rest = newest
        var oldest: NettySocket? = null
        while (rest != null) {
            val next = rest.nextReady
            rest.nextReady = oldest
            oldest = rest
            rest = next
        }
        return oldest
    }

    override fun runAfterRead(task: Runnable): Unit =
        execute { if (isCurrent) whileBusy { task.run() } else task.run() }

    private inline fun whileBusy(work: () -> Unit) {
        isBusy = true
        try {
            work()
        } finally {
            isBusy = false
        }
    }

    /** Thread-safe. From a worker, [task] follows the other tasks of the worker's batch. */
    private fun execute(task: Runnable) {
        if (!Worker.defer(atOnce, task)) executeNow(task)
    }

    private fun executeNow(task: Runnable) {
        try {
            executor.execute(task)
        } catch (_: RejectedExecutionException) {
            // the engine has stopped; tasks of its loops must still complete, one at a time
            fallbackDispatcher.dispatch(EmptyCoroutineContext, task)
        }
    }

    private inner class Dispatcher : CoroutineDispatcher() {
        // also during other work of the loop: a resumed reader would run its handlers inside that work, and a writer
        // would write before others
        override fun isDispatchNeeded(context: CoroutineContext): Boolean = isBusy || !executor.inEventLoop()

        override fun dispatch(context: CoroutineContext, block: Runnable) = execute(block)
    }

    companion object {
        private val log: Logger = LoggerFactory.getLogger("dev.live.server.transport")
        private val current = FastThreadLocal<NettyLoop>()

        /** The loop of [executor]; must be called on its thread. */
        fun of(executor: EventExecutor): NettyLoop {
            val known = current.get()
            if (known != null && known.executor === executor) return known
            return NettyLoop(executor).also {
                current.set(it)
                ReadLoop.register(it)
            }
        }

        /** Registers the thread of [executor] as a read loop for topics. Thread-safe. */
        fun register(executor: EventExecutor) {
            if (executor.inEventLoop()) {
                of(executor)
                return
            }
            try {
                executor.execute { of(executor) }
            } catch (_: RejectedExecutionException) {
                // the engine has stopped
            }
        }
    }
}
