package dev.live.client.connection

import kotlinx.coroutines.flow.Flow

/**
 * Tells a client whether its device has a network: it then connects at once when one returns, looks whether its
 * connection still stands when it is another one, and does not try in vain while there is none.
 *
 * One that never emits, or whose flow ends or fails, leaves the client to find out for itself.
 */
public fun interface NetworkMonitor {
    /**
     * What network there is, and from now on whenever that changes. Collected on the client's `context` from its start to
     * its close.
     */
    public fun networks(): Flow<Network>
}

/** What network a device has. */
public sealed class Network {
    /**
     * There is one.
     *
     * @property id tells it from others for as long as it is there; never sent anywhere
     */
    public class Available(public val id: String) : Network() {
        override fun equals(other: Any?): Boolean = other is Available && id == other.id

        override fun hashCode(): Int = id.hashCode()

        override fun toString(): String = "Available($id)"
    }

    /** There is none: nothing can be reached. */
    public object None : Network() {
        override fun toString(): String = "None"
    }
}
