package dev.live.client.connection

import kotlinx.coroutines.flow.Flow

/**
 * Reports the network of the device. The client connects immediately when a network becomes available, checks its
 * connection when the network changes, and does not try to connect without a network.
 *
 * If the flow never emits, completes or fails, the client works without this information.
 */
public fun interface NetworkMonitor {
    /**
     * The network of the device: the current one, and every change. Collected in the client's `context` from its
     * start until it is closed.
     */
    public fun networks(): Flow<Network>
}

/** The network of a device. */
public sealed class Network {
    /**
     * The device has a network.
     *
     * @property id distinguishes this network from others while it is available; never sent anywhere
     */
    public class Available(public val id: String) : Network() {
        override fun equals(other: Any?): Boolean = other is Available && id == other.id

        override fun hashCode(): Int = id.hashCode()

        override fun toString(): String = "Available($id)"
    }

    /** The device has no network. */
    public object None : Network() {
        override fun toString(): String = "None"
    }
}
