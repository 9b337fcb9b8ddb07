package dev.live.server.transport

import kotlinx.coroutines.CancellableContinuation
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException

/**
 * What one client sent and nobody has taken yet, and who waits for it. Only accessed by the channel's event loop.
 *
 * It tells when it [isFull] and when it [isLow] again; whoever fills it stops the channel in between, so it holds at most
 * [HIGH] messages and what the channel had read at once.
 */
internal class Inbox {
    private var reader: CancellableContinuation<Inbound?>? = null

    /** Made when it is needed: mostly the reader waits, and takes what comes at once. */
    private var waiting: ArrayDeque<Inbound>? = null

    /** Nothing more will come. */
    var isEnded: Boolean = false
        private set

    /** What the client did wrong; what it says after that is not understood. */
    private var violation: SocketViolation? = null

    val isBroken: Boolean get() = violation != null
    val isFull: Boolean get() = (waiting?.size ?: 0) >= HIGH
    val isLow: Boolean get() = (waiting?.size ?: 0) <= LOW

    /** What comes first, or null if nothing is there. */
    fun poll(): Inbound? {
        val rest = waiting ?: return null
        val first = rest.removeFirst()
        if (rest.isEmpty()) waiting = null // an idle session holds no buffer
        return first
    }

    fun add(message: Inbound) {
        val waiter = takeReader()
        if (waiter == null) queue().addLast(message) else hand(waiter, message)
    }

    /** Hands [reader] what comes next. Cancelled before it got it, it has taken nothing. */
    fun await(reader: CancellableContinuation<Inbound?>) {
        val broken = violation
        when {
            broken != null -> reader.resumeWithException(broken)
            isEnded -> reader.resume(null)
            else -> this.reader = reader
        }
    }

    fun fail(violation: SocketViolation) {
        if (isBroken) return
        this.violation = violation
        takeReader()?.resumeWithException(violation)
    }

    fun end() {
        isEnded = true
        takeReader()?.resume(null)
    }

    private fun hand(waiter: CancellableContinuation<Inbound?>, message: Inbound) =
        waiter.resume(message) { _, _, _ -> queue().addFirst(message) }

    private fun takeReader(): CancellableContinuation<Inbound?>? {
        val waiter = reader ?: return null
        reader = null
        return waiter.takeIf { it.isActive }
    }

    private fun queue() = waiting ?: ArrayDeque<Inbound>(HIGH).also { waiting = it }

    private companion object {
        const val HIGH = 16
        const val LOW = 4
    }
}
