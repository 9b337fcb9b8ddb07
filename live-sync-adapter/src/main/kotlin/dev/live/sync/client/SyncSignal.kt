package dev.live.sync.client

/** What a client hears of a scope. */
internal sealed interface SyncSignal {
    /** Where the scope stands at least; null if the server does not know. */
    val cursor: ULong?

    /** The scope is subscribed to, now or again. */
    data class Joined(override val cursor: ULong?) : SyncSignal

    /** It has come to [cursor]; said by the server, or by another collector of this client. */
    data class Told(override val cursor: ULong) : SyncSignal
}
