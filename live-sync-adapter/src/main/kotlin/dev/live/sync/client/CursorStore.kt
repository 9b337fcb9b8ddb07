package dev.live.sync.client

/**
 * Where a client keeps how far it has come in a scope; 0 before the first pull.
 *
 * Best kept with the data, and written in the transaction in which a pull's changes are applied: then a crash between
 * the two neither loses changes nor applies them twice. [write] may then do nothing. Called by one [SyncLoop], one at
 * a time; what it throws counts as a pull that failed.
 */
public interface CursorStore {
    /** The cursor up to which everything has been applied. */
    public suspend fun read(): ULong

    /** Keeps [cursor], up to which everything has been applied now. */
    public suspend fun write(cursor: ULong)
}

/** A [CursorStore] for as long as the process lives, for state that does not outlive it either. Any thread. */
public class MemoryCursor(initial: ULong = 0uL) : CursorStore {
    @Volatile
    private var cursor = initial

    override suspend fun read(): ULong = cursor

    override suspend fun write(cursor: ULong) {
        this.cursor = cursor
    }

    override fun toString(): String = "MemoryCursor($cursor)"
}
