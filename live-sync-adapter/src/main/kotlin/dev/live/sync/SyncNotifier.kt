package dev.live.sync

/**
 * Receives the new cursor of a scope from a sync engine.
 *
 * The engine calls it after the commit, so that notified clients can already read the change. An engine depends on
 * this interface only, not on live.
 */
public fun interface SyncNotifier {
    /**
     * Reports that [scope] has advanced to [cursor].
     *
     * Thread-safe. Never blocks and never throws. Calls may come in any order and at any rate.
     */
    public fun notify(scope: String, cursor: ULong)
}
