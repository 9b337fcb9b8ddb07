package dev.live.sync.client

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow

/** The inputs of a [SyncLoop] from the client: the signals of its scope and the connection state. */
internal class SyncLink(val signals: Flow<SyncSignal>, val connection: StateFlow<ConnectionState>) {
    companion object {
        fun of(live: LiveClient, scope: String): SyncLink = SyncLink(live.syncUpdates(scope), live.state)
    }
}
