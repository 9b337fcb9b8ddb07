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

/** How a client stands: it is told of changes and has them all, it has yet to pull, or it hears nothing. */
enum class Standing { Live, Behind, Offline }

/** What a screen shows. @property why what went wrong last, or null */
data class Status(val standing: Standing, val why: String? = null)

/**
 * One person's notes: kept in [store], whether there is a server or not, and brought together with everybody else's
 * while [run] runs.
 *
 * @param server such as `http://localhost:8080`
 * @param onChange called with each change that somebody else made, once. Not with what a server that has an older copy
 *   tells until this client has caught up with it: most of that is not new, and some of it is this client's own
 */
class NotesClient(
    private val server: String,
    private val store: NoteStore,
    private val onChange: (Change) -> Unit,
) {
    private val list = store.notebook.value.list
    private val statuses = MutableStateFlow(Status(Standing.Offline))

    /** Of the present [run]; null while there is none. */
    @Volatile
    private var loop: SyncLoop? = null

    /** Whether what was pulled was dropped, and is not here again. Only touched by the pull, one at a time. */
    private var isReadingAgain = false

    /** How it stands; [Standing.Offline] unless [run] runs. */
    val status: StateFlow<Status> = statuses.asStateFlow()

    /**
     * Keeps [edit], and has it sent as soon as there is a server. Returns when it is in the file.
     *
     * @throws IllegalArgumentException if it is against the [Rules]; the message says what is wrong
     */
    suspend fun edit(edit: Edit) {
        Rules.ofEdit(edit)?.let { throw IllegalArgumentException(it) }
        withContext(Dispatchers.IO) { store.update { it.edited(edit) } }
        loop?.pullNow()
    }

    /** Is online until it is cancelled. Not twice at the same time. */
    suspend fun run() {
        val live =
            LiveClient("${server.replaceFirst("http", "ws")}/live") {
                reconnect = ExponentialBackoff(maxDelay = 5.seconds)
            }
        try {
            ChangesClient(server).use { changes -> while (true) runUntilAnew(live, changes) }
        } finally {
            loop = null
            statuses.value = Status(Standing.Offline)
            live.close()
        }
    }

    /** Returns when the server turned out to be behind this client: what it told of before is no aim any more. */
    private suspend fun runUntilAnew(live: LiveClient, changes: ChangesClient) {
        val anew = Channel<Unit>(Channel.CONFLATED)
        val backoff = ExponentialBackoff(250.milliseconds, 5.seconds)
        val loop =
            SyncLoop(live, list, store, backoff = backoff) {
                try {
                    pull(changes)
                } catch (e: AheadOfServerException) {
                    isReadingAgain = true
                    withContext(Dispatchers.IO) { store.update { it.anew() } }
                    anew.trySend(Unit)
                    throw e
                }
            }
        this.loop = loop
        loop.pullNow() // what was typed before is to be sent, though the server may have nothing new
        coroutineScope {
            launch(CoroutineName("notes-status")) {
                combine(loop.state, live.state, ::statusOf).collect { statuses.value = it }
            }
            launch(CoroutineName("notes-sync")) { loop.run() }
            anew.receive()
            coroutineContext.cancelChildren()
        }
    }

    /**
     * Sends what is pending, then gets what is new: what was sent is among it, and only that takes it from what is
     * pending. So it does not matter where in here the process is killed: what the server has it does not take again.
     */
    private suspend fun pull(changes: ChangesClient): ULong {
        val before = store.notebook.value
        for (edits in before.pending.chunked(Rules.MAX_BATCH)) changes.post(Batch(list, before.cursor, edits))
        do {
            val notebook = store.notebook.value
            val page = changes.changes(list, notebook.cursor)
            withContext(Dispatchers.IO) { store.update { it.applied(page) } }
            val own = notebook.pending.mapTo(HashSet()) { it.changeId }
            if (!isReadingAgain) for (change in page.changes) if (change.changeId !in own) onChange(change)
        } while (page.more)
        isReadingAgain = false
        return store.read()
    }

    private fun statusOf(state: SyncState, connection: ConnectionState): Status =
        when (state) {
            is SyncState.InSync -> Status(Standing.Live)
            is SyncState.Behind, is SyncState.Pulling -> Status(Standing.Behind)
            is SyncState.Offline -> Status(Standing.Offline, state.cause?.message)
            is SyncState.Failed -> {
                val isConnected = connection is ConnectionState.Connected
                Status(if (isConnected) Standing.Behind else Standing.Offline, state.cause.message ?: "${state.cause}")
            }
        }
}
