package dev.live.client.connection

import kotlinx.coroutines.flow.Flow

/**
 * Reports whether the application is in the foreground. The client disconnects after the application has been in the
 * background for the `backgroundGrace`, and connects immediately when the application returns.
 *
 * If the flow never emits, completes or fails, the client stays connected.
 */
public fun interface AppLifecycle {
    /**
     * Whether the application is in the foreground: the current value, and every change. Collected in the client's
     * `context` from its start until it is closed.
     */
    public fun foreground(): Flow<Boolean>
}
