package dev.live.sync.java

import java.util.concurrent.CompletableFuture

/** Gets what came in a scope after a cursor, and applies it. */
public fun interface JavaPull {
    /**
     * Pulls what came after [since], and says how far it came: [since] where there was nothing. A future that fails is
     * tried again later; one that is cancelled because the loop is closed should end soon.
     */
    public fun pull(since: Long): CompletableFuture<Long>
}
