package dev.live.sync.java

import java.util.concurrent.CompletableFuture

/** Fetches the changes of a scope after a cursor, and applies them. */
public fun interface JavaPull {
    /**
     * Pulls the changes after [since], and completes with the cursor that it reached: [since] if there were none.
     *
     * The loop retries after a failed future. It cancels the future when the loop is closed.
     */
    public fun pull(since: Long): CompletableFuture<Long>
}
