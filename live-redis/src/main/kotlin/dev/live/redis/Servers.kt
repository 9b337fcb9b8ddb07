package dev.live.redis

import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.update
import kotlin.time.Duration
import kotlin.time.TimeSource

/**
 * The servers that hold the data of the topics: a single one, which may be replaced by another, or the masters of a
 * cluster. Thread-safe.
 */
internal abstract class Servers {
    private val connectionChanges = MutableStateFlow(0L)

    /** Changes with each connection, and with each change of [ofTopic]. */
    val changes: StateFlow<Long> get() = connectionChanges

    /** All servers that this node has connections to, or tries to connect to. Changed before [changes]. */
    abstract val all: StateFlow<List<ServerLinks>>

    /** Changes when another server becomes that of a topic. Changed after [all]. */
    abstract val ownership: StateFlow<Long>

    /** Number of reconnects to servers that are no longer used. */
    abstract val formerReconnects: Long

    /** Since when the servers are unknown; null if they are known. */
    abstract val unknownSince: TimeSource.Monotonic.ValueTimeMark?

    /** Why the servers are unknown; null before the first failure. */
    abstract val failure: Throwable?

    /** The server of [topic]; null while it is unknown. */
    abstract fun ofTopic(topic: String): ServerLinks?

    /**
     * The reason why a server has rejected a command of [topic] without executing it, if another server must execute
     * it, or the same one later; null for any other [failure].
     */
    abstract fun redirect(topic: String, failure: Throwable): Redirect?

    /** The server of a topic may be another one. */
    abstract fun recheck()

    /** Keeps the connections open until it is cancelled. */
    abstract suspend fun run(clients: RedisClients)

    /** The connection for commands of [topic]; null while there is none. */
    fun commands(topic: String): Commands? = ofTopic(topic)?.commands?.connection?.value

    /** How long nothing can be published to [topic]; zero while it can. */
    fun away(topic: String): Duration {
        val server = ofTopic(topic)
        val since = if (server == null) unknownSince else server.commands.awaySince
        return since?.elapsedNow() ?: Duration.ZERO
    }

    /** Returns a connection for commands of [topic], other than [lost]. Suspends until there is one. */
    suspend fun awaitCommands(topic: String, lost: Commands?): Commands {
        changes.first { commands(topic).let { it != null && it !== lost } }
        // null again: it was lost in between
        return commands(topic) ?: awaitCommands(topic, lost)
    }

    protected fun changed(): Unit = connectionChanges.update { it + 1 }
}

/** A command was not executed, and can be sent again. */
internal sealed interface Redirect {
    /** To the server that [Servers] names, after a short delay if it is the same one. */
    data object Again : Redirect

    /** To [connection], with ASKING before it: its slot is moving there. */
    class Ask(val connection: Commands) : Redirect
}
