package dev.live.redis

import kotlinx.coroutines.channels.Channel

/** The members of other nodes that must be read from Redis, each of them once. Thread-safe. */
internal class PendingReads {
    private val wake = Channel<Unit>(Channel.CONFLATED)

    /** Guarded by this object. */
    private val pending = LinkedHashSet<NodeTopic>()

    fun add(at: Collection<NodeTopic>) {
        if (at.isEmpty()) return
        synchronized(this) { pending += at }
        wake.trySend(Unit)
    }

    /** Suspends until there are some. Returns at most [max]. */
    suspend fun take(max: Int): List<NodeTopic> {
        while (true) {
            val taken = synchronized(this) { pending.take(max).also { pending -= it.toSet() } }
            if (taken.isNotEmpty()) return taken
            wake.receive()
        }
    }
}
