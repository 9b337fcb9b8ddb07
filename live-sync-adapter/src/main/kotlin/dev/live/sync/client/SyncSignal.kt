package dev.live.sync.client

/** What a client hears of a scope. */
internal sealed interface SyncSignal {
    /** Null if it says none. */
    val cursor: ULong?

    /** The scope stands at [cursor] at least. */
    data class At(override val cursor: ULong) : SyncSignal

    /** As [At], and said by another collector of this client: nothing is known of this one's own subscription. */
    data class Heard(override val cursor: ULong) : SyncSignal

    /** The scope is subscribed to, now or again, and the server does not know where it stands. */
    data object Unknown : SyncSignal {
        override val cursor: ULong? get() = null
    }
}
