package dev.live.server.transport

import dev.live.protocol.CloseCode
import kotlinx.coroutines.CancellableContinuation
import kotlinx.coroutines.CancellationException
import kotlin.coroutines.Continuation
import kotlin.coroutines.intrinsics.COROUTINE_SUSPENDED
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException

/**
 * Received frames of one client that wait for its reader. The channel's event loop adds, the reader takes; its state is
 * guarded by this object. The reader is resumed without this lock, because it may run in place.
 *
 * The socket does not read from the channel while the queue [isPaused]: since it was full, until it [isLow]. So it
 * holds at most [HIGH_WATERMARK] messages of [HIGH_WATERMARK_BYTES] in total, or one larger message, plus one read of
 * the channel and [MAX_OVERRUN_BYTES].
 */
internal abstract class InboundQueue {
    private var waiter: CancellableContinuation<Inbound?>? = null

    /** Like [waiter], but can only be cancelled by [stop]. */
    private var reader: Continuation<Inbound?>? = null

    private var isStopped = false

    /** Created on demand: usually the reader waits and receives each message at once. */
    private var waiting: ArrayDeque<Inbound>? = null

    /** Whether no more messages will arrive. */
    private var isEnded = false

    /** The client's violation; later bytes are ignored. Written by the event loop. */
    @Volatile
    private var violation: SocketViolation? = null

    val hasViolation: Boolean get() = violation != null

    /** Whether the queue was full, and has not been low since. Written by [add] and [tryResume], read by any thread. */
    @Volatile
    var isPaused: Boolean = false
        private set

    private val isFull get() = (waiting?.size ?: 0) >= HIGH_WATERMARK || bytes >= HIGH_WATERMARK_BYTES
    private val isLow get() = (waiting?.size ?: 0) <= LOW_WATERMARK && bytes <= LOW_WATERMARK_BYTES

    /** Bytes of the waiting messages. */
    private var bytes = 0

    /** Bytes read while the queue was full. */
    private var overrun = 0

    /**
     * Counts [read] bytes that the channel has read, if the queue is full.
     *
     * @throws SocketViolation if they are more than [MAX_OVERRUN_BYTES]
     */
    fun requireNoOverrun(read: Int) {
        if (!isPaused) return // nearly always, and without the lock
        synchronized(this) {
            if (!isFull) return
            overrun += read
            if (overrun <= MAX_OVERRUN_BYTES) return
        }
        throw SocketViolation(CloseCode.TooManyMessages, OVERRUN)
    }

    /** Returns the oldest waiting message, or null if there is none. */
    @Synchronized
    fun poll(): Inbound? {
        val queued = waiting ?: return null
        val first = queued.removeFirst()
        bytes -= first.size
        if (queued.isEmpty()) waiting = null // an idle session holds no buffer
        if (isLow) overrun = 0
        return first
    }

    /** Ends the pause if the queue is low; returns whether it has. The socket then reads from the channel again. */
    @Synchronized
    fun tryResume(): Boolean {
        if (!isPaused || !isLow) return false
        isPaused = false
        return true
    }

    fun add(message: Inbound) {
        val reader: Continuation<Inbound?>?
        val waiter: CancellableContinuation<Inbound?>?
        synchronized(this) {
            reader = takeReader()
            waiter = if (reader == null) takeWaiter() else null
            if (reader == null && waiter == null) {
                queue().addLast(message)
                bytes += message.size
                if (isFull) isPaused = true
            }
        }
        if (reader != null) reader.resume(message) else waiter?.let { resume(it, message) }
    }

    /** Resumes [waiter] with the next message. A waiter cancelled before it was resumed has consumed no message. */
    @Synchronized
    fun await(waiter: CancellableContinuation<Inbound?>) {
        val failure = violation
        when {
            failure != null -> waiter.resumeWithException(failure)
            isEnded -> waiter.resume(null)
            else -> this.waiter = waiter
        }
    }

    /** Returns the next message, or resumes [reader] with it, if one can still arrive. */
    @Synchronized
    fun pollOrAwait(reader: Continuation<Inbound?>): Any? {
        poll()?.let { return it }
        violation?.let { throw it }
        if (isStopped) throw cancellation()
        if (isEnded) return null
        this.reader = reader
        return COROUTINE_SUSPENDED
    }

    /** Cancels the current and all later calls of [pollOrAwait]. */
    fun stop() {
        synchronized(this) {
            isStopped = true
            takeReader()
        }?.resumeWithException(cancellation())
    }

    fun fail(violation: SocketViolation) {
        if (hasViolation) return
        resumeBoth({ this.violation = violation }) { it.resumeWithException(violation) }
    }

    fun end(): Unit = resumeBoth({ isEnded = true }) { it.resume(null) }

    private inline fun resumeBoth(change: () -> Unit, resume: (Continuation<Inbound?>) -> Unit) {
        val reader: Continuation<Inbound?>?
        val waiter: Continuation<Inbound?>?
        synchronized(this) {
            change()
            reader = takeReader()
            waiter = takeWaiter()
        }
        reader?.let(resume)
        waiter?.let(resume)
    }

    private fun resume(waiter: CancellableContinuation<Inbound?>, message: Inbound) =
        waiter.resume(message) { _, _, _ ->
            synchronized(this) {
                queue().addFirst(message)
                bytes += message.size
            }
        }

    private fun takeReader(): Continuation<Inbound?>? = reader.also { reader = null }

    private fun takeWaiter(): CancellableContinuation<Inbound?>? {
        val taken = waiter ?: return null
        waiter = null
        return taken.takeIf { it.isActive }
    }

    private fun cancellation() = CancellationException("the session has ended")

    private fun queue() = waiting ?: ArrayDeque<Inbound>(HIGH_WATERMARK).also { waiting = it }

    private companion object {
        const val HIGH_WATERMARK = 16
        const val LOW_WATERMARK = 4
        const val HIGH_WATERMARK_BYTES = 64 * 1024
        const val LOW_WATERMARK_BYTES = 16 * 1024
        const val OVERRUN = "more than $MAX_OVERRUN_BYTES bytes received while earlier messages were handled"
    }
}

/**
 * Maximum number of bytes read although the channel does not read automatically.
 *
 * When the client has closed its side, epoll and io_uring read everything up to the end. That can be the whole receive
 * buffer of the kernel, which has several MiB. The maximum is four reads of 64 KiB, the most that Netty reads at once.
 */
internal const val MAX_OVERRUN_BYTES: Int = 4 * 64 * 1024
