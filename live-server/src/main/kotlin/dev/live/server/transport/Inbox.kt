package dev.live.server.transport

import kotlinx.coroutines.CancellableContinuation
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlin.coroutines.resume

/**
 * What one client sent and nobody has taken yet. Only accessed by the channel's event loop.
 *
 * It tells when it [isFull] and when it [isLow] again; whoever fills it stops the channel in between, so it holds at most
 * [HIGH] messages and what the channel had read at once.
 */
internal class Inbox {
    /** Made when it is needed: mostly the reader waits, and takes what comes at once. */
    private var waiting: ArrayDeque<Inbound>? = null
    private var only: Inbound? = null
    private var reader: CancellableContinuation<Unit>? = null

    /** Nothing more will come. */
    var isEnded: Boolean = false
        private set

    private val size: Int get() = (if (only == null) 0 else 1) + (waiting?.size ?: 0)

    val isFull: Boolean get() = size >= HIGH
    val isLow: Boolean get() = size <= LOW

    fun add(message: Inbound) {
        if (only == null && waiting.isNullOrEmpty()) {
            only = message
        } else {
            val rest = waiting ?: ArrayDeque<Inbound>(HIGH).also { waiting = it }
            rest.addLast(message)
        }
        signal()
    }

    fun poll(): Inbound? {
        val first = only
        if (first != null) {
            only = null
            return first
        }
        val rest = waiting ?: return null
        if (rest.isEmpty()) {
            waiting = null // an idle session holds no buffer
            return null
        }
        return rest.removeFirst()
    }

    fun clear() {
        only = null
        waiting = null
    }

    /** Waits until there may be something new; cancelled, it has taken nothing. */
    suspend fun await() {
        suspendCancellableCoroutine { reader = it }
    }

    /** Wakes whoever waits. */
    fun signal() {
        val waiter = reader ?: return
        reader = null
        waiter.resume(Unit)
    }

    fun end() {
        isEnded = true
        signal()
    }

    private companion object {
        const val HIGH = 16
        const val LOW = 4
    }
}
