package dev.live.sync.java

import dev.live.sync.client.CursorStore

/**
 * Stores a client's cursor in one scope. The cursor is 0 before the first pull. See [CursorStore] for crash safety.
 *
 * Called sequentially on the loop's executor, and may block it. An exception counts as a failed pull. Cursors are
 * unsigned numbers in the bits of a `long`.
 */
public interface JavaCursorStore {
    /** Returns the cursor up to which all changes have been applied. */
    public fun read(): Long

    /** Stores [cursor]: all changes up to it have been applied. */
    public fun write(cursor: Long)
}
