package dev.live.sync.client

import dev.live.client.LiveClient
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.update
import java.util.WeakHashMap

/**
 * The newest cursor that a client has received in each collected scope, shared by the scope's collectors.
 *
 * A collector that starts later receives the `ack` of the existing subscription, whose cursor may be outdated.
 */
internal class SharedCursors {
    private class Entry {
        val newest = MutableStateFlow<ULong?>(null)
        var collectors = 0
    }

    private val entries = HashMap<String, Entry>()

    /** The newest cursor of [scope]. Each call needs a matching [release]. */
    fun retain(scope: String): MutableStateFlow<ULong?> =
        synchronized(this) { entries.getOrPut(scope) { Entry() }.also { it.collectors++ }.newest }

    fun release(scope: String) {
        synchronized(this) {
            val entry = entries[scope] ?: return
            if (--entry.collectors == 0) entries -= scope
        }
    }

    companion object {
        // weak keys: a client can be garbage collected without being closed. The values do not reference it
        private val all = WeakHashMap<LiveClient, SharedCursors>()

        fun of(live: LiveClient): SharedCursors = synchronized(all) { all.getOrPut(live) { SharedCursors() } }
    }
}

/** Sets the value to [cursor] unless it is already as high. */
internal fun MutableStateFlow<ULong?>.raise(cursor: ULong): Unit =
    update { current -> if (current == null || cursor > current) cursor else current }
