package dev.live.server.transport

import kotlinx.coroutines.CancellableContinuation
import kotlinx.coroutines.CancellationException
import kotlin.coroutines.Continuation
import kotlin.coroutines.intrinsics.COROUTINE_SUSPENDED
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException

/**
 * What one client sent and nobody has taken yet, and who waits for it. Only accessed by the channel's event loop.
 *
 * It tells when it [isFull] and when it [isLow] again; whoever fills it stops the channel in between. So it holds at most
 * [HIGH] messages of together [HIGH_BYTES], or one that is larger, and what the channel had read at once.
 */
internal class Inbox {
    private var waiter: CancellableContinuation<Inbound?>? = null

    /** As [waiter], but one that only [stop] can send away. */
    private var reader: Continuation<Inbound?>? = null

    private var isStopped = false

    /** Made when it is needed: mostly the reader waits, and takes what comes at once. */
    private var waiting: ArrayDeque<Inbound>? = null

    /** Nothing more will come. */
    var isEnded: Boolean = false
        private set

    /** What the client did wrong; what it says after that is not understood. */
    private var violation: SocketViolation? = null

    val isBroken: Boolean get() = violation != null
    val isFull: Boolean get() = (waiting?.size ?: 0) >= HIGH || bytes >= HIGH_BYTES
    val isLow: Boolean get() = (waiting?.size ?: 0) <= LOW && bytes <= LOW_BYTES

    /** Of the messages that wait. */
    private var bytes = 0

    /** What comes first, or null if nothing is there. */
    fun poll(): Inbound? {
        val rest = waiting ?: return null
        val first = rest.removeFirst()
        bytes -= first.size
        if (rest.isEmpty()) waiting = null // an idle session holds no buffer
        return first
    }

    fun add(message: Inbound) {
        val reader = takeReader()
        if (reader != null) return reader.resume(message)
        val waiter = takeWaiter()
        if (waiter != null) return hand(waiter, message)
        queue().addLast(message)
        bytes += message.size
    }

    /** Hands [waiter] what comes next. Cancelled before it got it, it has taken nothing. */
    fun await(waiter: CancellableContinuation<Inbound?>) {
        val broken = violation
        when {
            broken != null -> waiter.resumeWithException(broken)
            isEnded -> waiter.resume(null)
            else -> this.waiter = waiter
        }
    }

    /** Hands [reader] what comes next, if that is still to come; it is resumed as it is, on the loop's thread. */
    fun read(reader: Continuation<Inbound?>): Any? {
        violation?.let { throw it }
        if (isStopped) throw stopped()
        if (isEnded) return null
        this.reader = reader
        return COROUTINE_SUSPENDED
    }

    /** Sends away whoever waits in [read], and whoever will. */
    fun stop() {
        isStopped = true
        takeReader()?.resumeWithException(stopped())
    }

    fun fail(violation: SocketViolation) {
        if (isBroken) return
        this.violation = violation
        takeReader()?.resumeWithException(violation)
        takeWaiter()?.resumeWithException(violation)
    }

    fun end() {
        isEnded = true
        takeReader()?.resume(null)
        takeWaiter()?.resume(null)
    }

    private fun hand(waiter: CancellableContinuation<Inbound?>, message: Inbound) =
        waiter.resume(message) { _, _, _ ->
            queue().addFirst(message)
            bytes += message.size
        }

    private fun takeReader(): Continuation<Inbound?>? = reader.also { reader = null }

    private fun takeWaiter(): CancellableContinuation<Inbound?>? {
        val taken = waiter ?: return null
        waiter = null
        return taken.takeIf { it.isActive }
    }

    private fun stopped() = CancellationException("the session has ended")

    private fun queue() = waiting ?: ArrayDeque<Inbound>(HIGH).also { waiting = it }

    private companion object {
        const val HIGH = 16
        const val LOW = 4
        const val HIGH_BYTES = 64 * 1024
        const val LOW_BYTES = 16 * 1024
    }
}
