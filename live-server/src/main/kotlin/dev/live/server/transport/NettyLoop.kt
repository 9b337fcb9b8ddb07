package dev.live.server.transport

import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.ReadLoop
import io.netty.buffer.ByteBuf
import io.netty.channel.ChannelHandlerContext
import io.netty.util.concurrent.EventExecutor
import io.netty.util.concurrent.FastThreadLocal
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Runnable
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.atomic.AtomicReference
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext

/**
 * What the sockets of one event loop share: whose turn it is to write, and what the last of them wrote.
 *
 * A fan-out makes sockets ready by the thousand. They wait in one list for one task of the loop, so that waking it
 * costs once for all of them; and what several messages left for one socket goes out in one write.
 */
internal class NettyLoop(private val executor: EventExecutor) : Runnable, ReadLoop {
    /** Newest first, linked by [NettySocket.nextReady]: at most each socket of this loop once. */
    private val ready = AtomicReference<NettySocket?>()

    /** As [ready], of those that the loop itself made so, but oldest first. Only accessed by the loop. */
    private var ownFirst: NettySocket? = null
    private var ownLast: NettySocket? = null

    /**
     * Whether sockets are being drained, or topics delivered. Written by the loop; another thread that reads it dispatches
     * in any case.
     */
    private var isBusy = false

    private val stopped by lazy { Dispatchers.Default.limitedParallelism(1) }

    /** What is being written. Only accessed by the loop. */
    val batch: Array<OutboundFrame?> = arrayOfNulls(MAX_BATCH)
    private val run = SharedWriteBuffer()

    /** Runs coroutines on the loop; in place where they are there already. */
    val dispatcher: CoroutineDispatcher = Dispatcher()

    val isCurrent: Boolean get() = executor.inEventLoop()

    /** Lets [socket] write soon. From any thread; not again before it has begun to write. */
    fun add(socket: NettySocket) {
        if (isCurrent) return addOwn(socket)
        while (true) {
            val head = ready.get()
            socket.nextReady = head
            if (ready.compareAndSet(head, socket)) {
                if (head == null) execute(this)
                return
            }
        }
    }

    private fun addOwn(socket: NettySocket) {
        val last = ownLast
        ownLast = socket
        if (last != null) {
            last.nextReady = socket
            return
        }
        ownFirst = socket
        execute(this)
    }

    override fun run() {
        val own = ownFirst
        ownFirst = null
        ownLast = null
        busy {
            drain(own)
            drain(reversed(ready.getAndSet(null)))
        }
        run.release()
    }

    private fun drain(oldest: NettySocket?) {
        var next = oldest
        while (next != null) {
            val socket = next
            next = socket.nextReady
            socket.nextReady = null
            drainOne(socket)
        }
    }

    /** What fails in one socket, such as an allocation, ends that one: what it had taken is lost, and its session. */
    private fun drainOne(socket: NettySocket) {
        try {
            socket.drain()
        } catch (e: Throwable) {
            batch.fill(null)
            log.error("A socket could not be written to, and is closed.", e)
            socket.fail(e)
        }
    }

    /** The first [count] frames of [batch] in one buffer, which is the caller's to release. Empties [batch]. */
    fun concatenated(count: Int, context: ChannelHandlerContext): ByteBuf = run.of(batch, count, context)

    /** Lets go of the buffer that was last made: no other socket will write the same. */
    fun forget(): Unit = run.release()

    /** WriterBacklog the list around, so that the first to be ready writes first. */
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

    override fun afterwards(task: Runnable): Unit = execute { if (isCurrent) busy { task.run() } else task.run() }

    private inline fun busy(work: () -> Unit) {
        isBusy = true
        try {
            work()
        } finally {
            isBusy = false
        }
    }

    private fun execute(task: Runnable) {
        try {
            executor.execute(task)
        } catch (_: RejectedExecutionException) {
            // the engine has stopped, and what runs on its loops still has to end, one thing after the other
            stopped.dispatch(EmptyCoroutineContext, task)
        }
    }

    private inner class Dispatcher : CoroutineDispatcher() {
        // not in the midst of others' work either: a reader resumed there would run its handlers in it, and a writer take
        // its turn before others
        override fun isDispatchNeeded(context: CoroutineContext): Boolean = isBusy || !executor.inEventLoop()

        override fun dispatch(context: CoroutineContext, block: Runnable) = execute(block)
    }

    companion object {
        private val log: Logger = LoggerFactory.getLogger("dev.live.server.transport")
        private val current = FastThreadLocal<NettyLoop>()

        /** That of [executor], on whose thread this is called. */
        fun of(executor: EventExecutor): NettyLoop {
            val known = current.get()
            if (known != null && known.executor === executor) return known
            return NettyLoop(executor).also {
                current.set(it)
                ReadLoop.begin(it)
            }
        }

        /** Lets the fan-out know the turns of [executor]'s thread. From any thread. */
        fun begin(executor: EventExecutor) {
            if (executor.inEventLoop()) {
                of(executor)
                return
            }
            try {
                executor.execute { of(executor) }
            } catch (_: RejectedExecutionException) {
                // the engine has stopped: there are no turns any more
            }
        }
    }
}
