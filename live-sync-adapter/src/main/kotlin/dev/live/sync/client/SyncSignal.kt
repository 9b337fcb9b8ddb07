package dev.live.sync.client

/** A server's signal about one scope. */
internal sealed interface SyncSignal {
    /** A lower bound of the scope's cursor; null if the server does not know it. */
    val cursor: ULong?

    /** The client has subscribed to the scope, initially or after a reconnect. */
    data class Subscribed(override val cursor: ULong?) : SyncSignal

    /** The scope has advanced to [cursor]. Reported by the server or by another collector of this client. */
    data class Advanced(override val cursor: ULong) : SyncSignal
}
