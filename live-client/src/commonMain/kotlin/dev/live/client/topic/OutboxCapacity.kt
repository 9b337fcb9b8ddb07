package dev.live.client.topic

import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/**
 * Limits the application messages in the outbox: at most [messages] messages, with at most [bytes] bytes of payload in
 * total. A single message is accepted regardless of its size. Thread-safe.
 */
internal class OutboxCapacity(private val messages: Int, private val bytes: Int) {
    private data class Used(val messages: Int, val bytes: Long)

    private val used = MutableStateFlow(Used(0, 0))

    /** Held by the first waiter. Without it, a later caller could overtake a waiting one. */
    private val firstWaiter = Mutex()

    /** Suspends until there is capacity for a payload of [size] bytes. Waiters are served in FIFO order. */
    suspend fun acquire(size: Int): Unit = firstWaiter.withLock { used.first { acquireIfAvailable(size) } }

    /** Returns false if there is no capacity now, or if others wait for it. */
    fun tryAcquire(size: Int): Boolean = !firstWaiter.isLocked && acquireIfAvailable(size)

    fun release(size: Int): Unit = used.update { Used(it.messages - 1, it.bytes - size) }

    private fun acquireIfAvailable(size: Int): Boolean {
        while (true) {
            val now = used.value
            val next = Used(now.messages + 1, now.bytes + size)
            if (next.messages > messages || (next.messages > 1 && next.bytes > bytes)) return false
            if (used.compareAndSet(now, next)) return true
        }
    }
}
