package dev.live.sync

/**
 * What a sync engine calls when a scope has advanced, after the commit: then whoever is told finds what it is told of.
 *
 * The engine knows this interface and nothing of live.
 */
public fun interface SyncNotifier {
    /**
     * Says that [scope] has advanced to [cursor]. From any thread, in any order and as often as the engine likes; never
     * blocks and never throws.
     */
    public fun notify(scope: String, cursor: ULong)
}
