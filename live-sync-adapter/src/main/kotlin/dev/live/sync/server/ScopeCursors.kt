package dev.live.sync.server

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger

/**
 * The newest cursor of each scope that was spoken of lately, in two generations: when one is full, the older is
 * forgotten. So a lookup costs no lock, and there are never more than about [maxScopes].
 *
 * What is forgotten is unknown, which is no error: whoever asks is told nothing, and looks itself.
 */
internal class ScopeCursors(private val maxScopes: Int) {
    @Volatile
    private var young = ConcurrentHashMap<String, ScopeCursor>()

    @Volatile
    private var old = ConcurrentHashMap<String, ScopeCursor>()
    private val inYoung = AtomicInteger()

    /** The cursor of [scope], or null if it is not known. */
    operator fun get(scope: String): ULong? = (young[scope] ?: old[scope])?.value

    /** Scopes that are known, at the most. */
    val size: Int get() = young.size + old.size

    /** Puts [scope] at [cursor] unless it is there already; whose cursor it is if that was news, otherwise null. */
    fun raise(scope: String, cursor: ULong): ScopeCursor? {
        var mine: ScopeCursor? = null
        while (true) {
            val generation = young
            var found = generation[scope]
            if (found == null) {
                found = old[scope] ?: ScopeCursor(scope, cursor).also { mine = it }
                if (generation.putIfAbsent(scope, found) != null) continue
                if (inYoung.incrementAndGet() > maxScopes / 2) rotate()
                // had the generations changed meanwhile, there could be two of one scope: look again
                if (generation !== young) continue
            }
            return if (found === mine || found.raise(cursor)) found else null
        }
    }

    private fun rotate() {
        synchronized(this) {
            if (inYoung.get() <= maxScopes / 2) return
            old = young
            young = ConcurrentHashMap()
            inYoung.set(0)
        }
    }
}
