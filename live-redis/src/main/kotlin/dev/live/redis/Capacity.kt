package dev.live.redis

import kotlinx.coroutines.CompletableDeferred

/** A bound on messages and their bytes. Callers that do not fit wait in their order. Thread-safe. */
internal class Capacity(private val maxMessages: Int, private val maxBytes: Int) {
    private class Waiter(val bytes: Int) {
        val isGranted = CompletableDeferred<Unit>()
    }

    /** Guarded by this object, like the next fields. */
    private val waiters = ArrayDeque<Waiter>()
    private var messages = 0
    private var bytes = 0L

    val size: Int get() = synchronized(this) { messages }

    fun tryAcquire(bytes: Int): Boolean = synchronized(this) { waiters.isEmpty() && take(bytes) }

    /** Suspends until a message of [bytes] fits. Such a message must not exceed the bound alone. */
    suspend fun acquire(bytes: Int) {
        val waiter =
            synchronized(this) {
                if (waiters.isEmpty() && take(bytes)) return
                Waiter(bytes).also { waiters += it }
            }
        var isDone = false
        try {
            waiter.isGranted.await()
            isDone = true
        } finally {
            if (!isDone) giveUp(waiter)
        }
    }

    private fun giveUp(waiter: Waiter) {
        val granted = synchronized(this) { if (waiters.remove(waiter)) grant() else null }
        // null: the place was granted at the same time
        if (granted == null) release(waiter.bytes) else granted.forEach { it.isGranted.complete(Unit) }
    }

    fun release(bytes: Int) {
        val granted =
            synchronized(this) {
                messages--
                this.bytes -= bytes
                grant()
            }
        granted.forEach { it.isGranted.complete(Unit) } // outside of the lock: it may resume the waiter here
    }

    private fun grant(): List<Waiter> {
        if (waiters.isEmpty()) return emptyList()
        val granted = ArrayList<Waiter>()
        while (waiters.isNotEmpty() && take(waiters.first().bytes)) granted += waiters.removeFirst()
        return granted
    }

    private fun take(bytes: Int): Boolean {
        if (messages >= maxMessages || this.bytes + bytes > maxBytes) return false
        messages++
        this.bytes += bytes
        return true
    }
}
