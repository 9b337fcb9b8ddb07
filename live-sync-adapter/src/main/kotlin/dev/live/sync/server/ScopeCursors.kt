package dev.live.sync.server

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger

/**
 * A bounded cache of the newest cursor of each recently notified scope. Thread-safe; lookups take no lock.
 *
 * It has two generations. When the young one is full, the old one is discarded, so the cache never holds more than
 * about [maxScopes]. An evicted scope is unknown, which is harmless: its next subscriber receives no cursor and pulls.
 */
internal class ScopeCursors(private val maxScopes: Int) {
    @Volatile
    private var young = ConcurrentHashMap<String, ScopeCursor>()

    @Volatile
    private var old = ConcurrentHashMap<String, ScopeCursor>()
    private val youngSize = AtomicInteger()

    /** The cursor of [scope], or null if it is unknown. */
    operator fun get(scope: String): ULong? = (young[scope] ?: old[scope])?.value

    /** Upper bound of the number of scopes: one can be in both generations. */
    val size: Int get() = young.size + old.size

    /** Raises the cursor of [scope] to [cursor]. Returns null if it already is as high. */
    fun raise(scope: String, cursor: ULong): ScopeCursor? {
        var created: ScopeCursor? = null
        while (true) {
            val generation = young
            var found = generation[scope]
            if (found == null) {
                found = old[scope] ?: ScopeCursor(scope, cursor).also { created = it }
                if (generation.putIfAbsent(scope, found) != null) continue
                if (youngSize.incrementAndGet() > maxScopes / 2) rotate()
                // after a concurrent rotation the scope could exist twice: retry
                if (generation !== young) continue
            }
            return if (found === created || found.raise(cursor)) found else null
        }
    }

    private fun rotate() {
        synchronized(this) {
            if (youngSize.get() <= maxScopes / 2) return
            old = young
            young = ConcurrentHashMap()
            youngSize.set(0)
        }
    }
}
