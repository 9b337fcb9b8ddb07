package dev.live.client.connection

import dev.live.protocol.Message
import kotlinx.coroutines.channels.Channel

/**
 * Limits the bytes in flight: handed to the HTTP engine, but not received by the server. Some engines queue without a
 * limit, or silently drop data that does not fit.
 *
 * After the first half of the window the client sends a `ping`. Its `pong` confirms that these bytes have arrived. A
 * connection that is fast enough therefore never waits. Only used on the client's dispatcher.
 *
 * @param limit bytes in flight
 * @param newPing creates a ping with a new ref
 */
internal class SendWindow(private val limit: Int, private val newPing: () -> Message) {
    private var sentBytes = 0L
    private var confirmedBytes = 0L

    /** The ref of the unanswered ping, or null. */
    private var pingRef: String? = null

    /** [sentBytes] at the time of that ping. */
    private var sentBeforePing = 0L
    private val confirmed = Channel<Unit>(Channel.CONFLATED)

    /** Counts [bytes] that were sent. Returns a ping that must be sent next, or null. */
    fun sent(bytes: Int): Message? {
        sentBytes += bytes
        if (pingRef != null || sentBytes - confirmedBytes < limit / 2) return null
        val ping = newPing()
        pingRef = ping.ref
        sentBeforePing = sentBytes
        return ping
    }

    /**
     * Whether [reply] belongs to the window's ping, and opens the window. An error also confirms that the ping
     * arrived.
     */
    fun confirm(reply: Message): Boolean {
        if (reply.ref != pingRef) return false
        confirmedBytes = sentBeforePing
        pingRef = null
        confirmed.trySend(Unit)
        return true
    }

    /** Whether more bytes may be sent. */
    val isOpen: Boolean get() = sentBytes - confirmedBytes < limit

    /** Suspends until the window is open. */
    suspend fun awaitOpen() {
        while (!isOpen) confirmed.receive()
    }
}
