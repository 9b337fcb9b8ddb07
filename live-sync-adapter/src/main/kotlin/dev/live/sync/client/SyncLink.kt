package dev.live.sync.client

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow

/** What a [SyncLoop] has of live: what is told of its scope, and the connection that tells it. */
internal class SyncLink(val signals: Flow<SyncSignal>, val connection: StateFlow<ConnectionState>) {
    companion object {
        fun of(live: LiveClient, scope: String): SyncLink = SyncLink(live.syncUpdates(scope), live.state)
    }
}
