package dev.live.client.connection

import kotlin.time.Duration

/**
 * Decides how long to wait before a reconnect.
 *
 * It applies only where the close code permits it: some codes forbid a reconnect, and the reconnect window in the
 * `goodbye` of a restarting server takes precedence. It is called on the client's own dispatcher and must not block. If
 * it throws, the client is closed.
 */
public fun interface ReconnectPolicy {
    /**
     * The delay before reconnect number [attempt], or null to give up. The first attempt has number 0. The count
     * restarts after a connection that was open for 5 s and received a message, so a server that accepts connections
     * and then fails immediately is not overloaded.
     */
    public fun delayBefore(attempt: Int): Duration?
}
