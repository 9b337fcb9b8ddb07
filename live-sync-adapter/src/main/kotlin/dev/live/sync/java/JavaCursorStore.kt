package dev.live.sync.java

import dev.live.sync.client.CursorStore

/**
 * Where a client keeps how far it has come in a scope; 0 before the first pull. See [CursorStore] for what makes it
 * safe.
 *
 * Called on the loop's executor, which it may block, one call at a time; what it throws counts as a pull that failed.
 * Cursors are unsigned, in the bits of a `long`.
 */
public interface JavaCursorStore {
    /** The cursor up to which everything has been applied. */
    public fun read(): Long

    /** Keeps [cursor], up to which everything has been applied now. */
    public fun write(cursor: Long)
}
