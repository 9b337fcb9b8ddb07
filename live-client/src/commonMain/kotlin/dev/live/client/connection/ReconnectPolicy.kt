package dev.live.client.connection

import kotlin.time.Duration

/**
 * Decides how long to wait before a connection is tried again.
 *
 * It has the say only where the close code leaves it one: after a code that forbids it there is no reconnect, and the
 * window of a server that restarts is kept whatever this answers.
 */
public fun interface ReconnectPolicy {
    /**
     * The wait before reconnect number [attempt], or null to give up. The count starts at 0 and starts again once a
     * connection has stood for 5 s and the server was heard on it, so a server that accepts and then fails at once is
     * not hammered.
     */
    public fun delayBefore(attempt: Int): Duration?
}
