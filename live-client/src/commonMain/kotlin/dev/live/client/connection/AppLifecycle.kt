package dev.live.client.connection

import kotlinx.coroutines.flow.Flow

/**
 * Tells a client whether its application is in use: it disconnects a while after that has gone to the background, and
 * connects at once when it is back.
 *
 * One that never emits, or whose flow ends or fails, leaves the client connected.
 */
public fun interface AppLifecycle {
    /**
     * Whether the application is in the foreground, and from now on whenever that changes. Collected on the client's
     * `context` from its start to its close.
     */
    public fun foreground(): Flow<Boolean>
}
