package dev.live.sync.java

import dev.live.sync.SyncNotifier

/**
 * [SyncNotifier] for sync engines in Java: receives the new cursor of a scope after the commit.
 *
 * Create one from a `LiveSyncNotifier` with a method reference: `JavaSyncNotifier notifier = sync::notify`.
 */
public fun interface JavaSyncNotifier {
    /**
     * Reports that [scope] has advanced to [cursor], an unsigned number in the bits of a `long`.
     *
     * Thread-safe. Never blocks, and throws only if [scope] is null. Calls may come in any order and at any rate.
     */
    public fun notify(scope: String, cursor: Long)
}
