package dev.live.samples.syncnotes.client

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.ExponentialBackoff
import dev.live.samples.syncnotes.wire.Batch
import dev.live.samples.syncnotes.wire.Change
import dev.live.samples.syncnotes.wire.Edit
import dev.live.samples.syncnotes.wire.Rules
import dev.live.sync.client.SyncLoop
import dev.live.sync.client.SyncState
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The sync phase: in sync and notified, pulling or about to pull, or without notifications. */
enum class SyncPhase { Live, Behind, Offline }

/** The status for display. @property error the last error, or null */
data class Status(val phase: SyncPhase, val error: String? = null)

/**
 * The notes of one user. They are stored in [store], also offline, and synchronized while [run] is active.
 *
 * @param server such as `http://localhost:8080`
 * @param onChange called once with each change of another client. Not called while the client reloads an older log:
 *   most of its changes are not new, and some are its own
 */
class NotesClient(
    private val server: String,
    private val store: NoteStore,
    private val onChange: (Change) -> Unit,
) {
    private val list = store.notebook.value.list
    private val statuses = MutableStateFlow(Status(SyncPhase.Offline))

    /** The loop of the current [run], or null. */
    @Volatile
    private var loop: SyncLoop? = null

    /** Whether discarded changes are being reloaded. Only accessed by [pull], which is sequential. */
    private var isReloading = false

    /** The current status; [SyncPhase.Offline] unless [run] is active. */
    val status: StateFlow<Status> = statuses.asStateFlow()

    /**
     * Stores [edit], and sends it when the server is reachable. Returns when the file is written.
     *
     * @throws IllegalArgumentException if [edit] violates the [Rules]
     */
    suspend fun edit(edit: Edit) {
        Rules.ofEdit(edit)?.let { throw IllegalArgumentException(it) }
        withContext(Dispatchers.IO) { store.update { it.edited(edit) } }
        loop?.pullNow()
    }

    /** Synchronizes until cancelled. Must not run more than once at a time. */
    suspend fun run() {
        val live =
            LiveClient("${server.replaceFirst("http", "ws")}/live") {
                reconnect = ExponentialBackoff(maxDelay = 5.seconds)
            }
        try {
            ChangesClient(server).use { changes -> while (true) runUntilReset(live, changes) }
        } finally {
            loop = null
            statuses.value = Status(SyncPhase.Offline)
            live.close()
        }
    }

    /** Returns when the log on the server is older than this client. A new loop forgets the old target cursor. */
    private suspend fun runUntilReset(live: LiveClient, changes: ChangesClient) {
        val reset = Channel<Unit>(Channel.CONFLATED)
        val backoff = ExponentialBackoff(250.milliseconds, 5.seconds)
        val loop =
            SyncLoop(live, list, store, backoff = backoff) {
                try {
                    pull(changes)
                } catch (e: AheadOfServerException) {
                    isReloading = true
                    withContext(Dispatchers.IO) { store.update { it.reset() } }
                    reset.trySend(Unit)
                    throw e
                }
            }
        this.loop = loop
        loop.pullNow() // sends pending edits, even if the server has no changes
        coroutineScope {
            launch(CoroutineName("notes-status")) {
                combine(loop.state, live.state, ::statusOf).collect { statuses.value = it }
            }
            launch(CoroutineName("notes-sync")) { loop.run() }
            reset.receive()
            coroutineContext.cancelChildren()
        }
    }

    /**
     * Sends the pending edits, then pulls changes. An edit stays pending until the pull returns its change, so a kill
     * at any point is safe: the server ignores an edit that it already has.
     */
    private suspend fun pull(changes: ChangesClient): ULong {
        val before = store.notebook.value
        for (edits in before.pending.chunked(Rules.MAX_BATCH)) changes.post(Batch(list, before.cursor, edits))
        do {
            val notebook = store.notebook.value
            val page = changes.changes(list, notebook.cursor)
            withContext(Dispatchers.IO) { store.update { it.applied(page) } }
            val own = notebook.pending.mapTo(HashSet()) { it.changeId }
            if (!isReloading) for (change in page.changes) if (change.changeId !in own) onChange(change)
        } while (page.more)
        isReloading = false
        return store.read()
    }

    private fun statusOf(state: SyncState, connection: ConnectionState): Status =
        when (state) {
            is SyncState.InSync -> Status(SyncPhase.Live)
            is SyncState.Behind, is SyncState.Pulling -> Status(SyncPhase.Behind)
            is SyncState.Offline -> Status(SyncPhase.Offline, state.cause?.message)
            is SyncState.Failed -> {
                val isConnected = connection is ConnectionState.Connected
                val phase = if (isConnected) SyncPhase.Behind else SyncPhase.Offline
                Status(phase, state.cause.message ?: "${state.cause}")
            }
        }
}
