package dev.live.sync.java

import dev.live.sync.SyncNotifier

/**
 * What an engine in Java calls when a scope has advanced, after the commit; see [SyncNotifier]. A `LiveSyncNotifier`
 * is one by a method reference: `JavaSyncNotifier notifier = sync::notify`.
 */
public fun interface JavaSyncNotifier {
    /**
     * Says that [scope] has advanced to [cursor], an unsigned number in the bits of a `long`. From any thread, in any
     * order and as often as the engine likes; never blocks, and never throws unless [scope] is null.
     */
    public fun notify(scope: String, cursor: Long)
}
