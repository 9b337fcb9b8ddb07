package dev.live.sync.client

/** What a client hears of a scope. */
internal sealed interface SyncSignal {
    /** The scope stands at [cursor] at least. */
    data class At(val cursor: ULong) : SyncSignal

    /** The scope is subscribed to, now or again, and the server does not know where it stands. */
    data object Unknown : SyncSignal
}
