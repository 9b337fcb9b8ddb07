package dev.live.sync.client

import dev.live.client.LiveClient
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.update
import java.util.WeakHashMap

/**
 * The newest cursor that a client has heard of each scope that is collected, shared by its collectors: one that comes
 * later gets the `ack` of the subscription that stands already, which may be old, and must not be behind the others.
 */
internal class KnownCursors {
    private class Shared {
        val newest = MutableStateFlow<ULong?>(null)
        var users = 0
    }

    private val shared = HashMap<String, Shared>()

    /** What is known of [scope], until the matching [release]. */
    fun retain(scope: String): MutableStateFlow<ULong?> =
        synchronized(this) { shared.getOrPut(scope) { Shared() }.also { it.users++ }.newest }

    fun release(scope: String) {
        synchronized(this) {
            val one = shared[scope] ?: return
            if (--one.users == 0) shared -= scope
        }
    }

    companion object {
        // weakly: nobody says when a client is of no more use. What is kept holds no reference to it
        private val all = WeakHashMap<LiveClient, KnownCursors>()

        fun of(live: LiveClient): KnownCursors = synchronized(all) { all.getOrPut(live) { KnownCursors() } }
    }
}

/** Only ever forward. */
internal fun MutableStateFlow<ULong?>.raise(cursor: ULong): Unit =
    update { known -> if (known == null || cursor > known) cursor else known }
