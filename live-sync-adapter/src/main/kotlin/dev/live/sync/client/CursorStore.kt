package dev.live.sync.client

/**
 * Stores a client's cursor in one scope. The cursor is 0 before the first pull.
 *
 * Store it with the data, and update it in the transaction that applies the pulled changes. Then a crash neither loses
 * changes nor applies them twice, and [write] can be empty. [SyncLoop] calls it sequentially, and treats an exception
 * as a failed pull.
 */
public interface CursorStore {
    /** Returns the cursor up to which all changes have been applied. */
    public suspend fun read(): ULong

    /** Stores [cursor]: all changes up to it have been applied. */
    public suspend fun write(cursor: ULong)
}

/** A [CursorStore] in memory, for data that is not persisted either. Thread-safe. */
public class MemoryCursor(initial: ULong = 0uL) : CursorStore {
    @Volatile
    private var cursor = initial

    override suspend fun read(): ULong = cursor

    override suspend fun write(cursor: ULong) {
        this.cursor = cursor
    }

    override fun toString(): String = "MemoryCursor($cursor)"
}
