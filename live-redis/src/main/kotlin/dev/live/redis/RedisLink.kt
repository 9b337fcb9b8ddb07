package dev.live.redis

import io.lettuce.core.RedisChannelHandler
import io.lettuce.core.RedisConnectionStateListener
import io.lettuce.core.api.StatefulConnection
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.future.await
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.nio.channels.ClosedChannelException
import java.util.concurrent.CompletionStage
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.TimeSource

/**
 * One connection to Redis, which is replaced whenever it fails: Lettuce's own reconnect executes commands twice,
 * restores subscriptions without a notice, and may wait for 30 s.
 *
 * @param name of the connection, for the log
 * @param address of the server, for the log
 * @param changed called after each change of [connection]
 * @param setUp prepares a new connection. It fails if Redis cannot be used
 * @param probe checks the connection in use. It fails if Redis can no longer be used
 */
internal class RedisLink<C : StatefulConnection<*, *>>(
    private val name: String,
    private val settings: RedisSettings,
    private val setUp: suspend (C) -> Unit,
    private val address: String = settings.address,
    private val changed: () -> Unit = {},
    private val probe: suspend (C) -> Unit,
) {
    private val current = MutableStateFlow<C?>(null)

    /** The bytes of the connections. Each of them must be opened with this customizer. */
    val traffic = Traffic()

    /** The connection in use; null while there is none. */
    val connection: StateFlow<C?> get() = current

    /** Why there is no connection; null before the first failure. */
    @Volatile
    var failure: Throwable? = null
        private set

    /** Number of connections that have been set up. */
    @Volatile
    var connects: Long = 0
        private set

    /** Whether the first attempt to connect has no result yet. */
    val isNew: Boolean get() = connects == 0L && failure == null

    /** Number of attempts since a connection has passed its first probe. */
    @Volatile
    var attempts: Int = 0
        private set

    /** Since when no connection has passed its first probe; null while there is a connection. */
    @Volatile
    var awaySince: TimeSource.Monotonic.ValueTimeMark? = TimeSource.Monotonic.markNow()
        private set

    /** Completed when [connection] is lost, or fails. */
    @Volatile
    private var lost = CompletableDeferred<Unit>()

    /** When the current failure was last logged. Only accessed by [run]. */
    private var logged: Pair<String, TimeSource.Monotonic.ValueTimeMark>? = null

    /**
     * Keeps a connection open until it is cancelled.
     *
     * @param connect opens a connection that does not reconnect by itself
     */
    suspend fun run(connect: suspend () -> CompletionStage<C>) {
        while (true) {
            try {
                use(open(connect))
            } catch (e: Throwable) {
                currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
                failure = e
                report(e)
            }
            delay(delayBefore(attempts++))
        }
    }

    private suspend fun open(connect: suspend () -> CompletionStage<C>): C {
        val opening = withTimeout(settings.probeTimeout) { connect() }
        return opening.awaitConnection(settings.probeTimeout)
    }

    private suspend fun use(connection: C) {
        val before = awaySince
        var isStable = false
        try {
            val closed = CompletableDeferred<Unit>()
            lost = closed
            connection.addListener(
                object : RedisConnectionStateListener {
                    override fun onRedisDisconnected(connection: RedisChannelHandler<*, *>) {
                        closed.complete(Unit)
                    }
                },
            )
            withTimeout(settings.probeTimeout * SETUP_PROBES) { setUp(connection) }
            awaySince = null
            connects++
            current.value = connection
            changed()
            while (connection.isOpen && withTimeoutOrNull(settings.probeInterval) { closed.await() } == null) {
                traffic.await(settings.probeTimeout) { probe(connection) }
                if (!isStable) onStable()
                isStable = true
            }
            throw ClosedChannelException()
        } finally {
            current.value = null
            changed()
            // a series of connections that fail early is one loss: its duration must grow
            awaySince = if (isStable) TimeSource.Monotonic.markNow() else before
            withContext(NonCancellable) { withTimeoutOrNull(settings.probeTimeout) { closeQuietly(connection) } }
        }
    }

    /** Not before the first probe: a server that accepts connections and then fails is not tried without a delay. */
    private fun onStable() {
        attempts = 0
        logged = null
        log.info("The {} connection to Redis at {} is open.", name, address)
    }

    /** Replaces [failed], which cannot be used because of [cause]. Does nothing if it was replaced already. */
    fun replace(failed: C, cause: Throwable) {
        val closed = lost
        // at once: nothing more is sent on it
        if (!current.compareAndSet(failed, null)) return
        changed()
        closed.completeExceptionally(cause)
    }

    private suspend fun closeQuietly(connection: C) {
        try {
            connection.closeAsync().await()
        } catch (e: Exception) {
            log.debug("Closing the {} connection to Redis failed.", name, e)
        }
    }

    /** Full jitter above half of the delay: the nodes of an application do not reconnect at the same time. */
    private fun delayBefore(attempt: Int): Duration {
        val ceiling = minOf(MIN_RECONNECT_DELAY * (1 shl minOf(attempt, MAX_DOUBLINGS)), settings.maxReconnectDelay)
        return (ceiling * (0.5 + Random.nextDouble() / 2)).coerceAtLeast(1.milliseconds)
    }

    private fun report(e: Throwable) {
        val sentence = describeFailure(address, e)
        val last = logged
        if (last != null && last.first == sentence && last.second.elapsedNow() < LOG_PERIOD) return
        logged = sentence to TimeSource.Monotonic.markNow()
        log.warn("The {} connection is not available. {}", name, sentence)
        log.debug("The cause:", e)
    }

    private companion object {
        const val MAX_DOUBLINGS = 10

        /** The set-up consists of several commands. */
        const val SETUP_PROBES = 5
        val LOG_PERIOD = 1.minutes
        val log: Logger = LoggerFactory.getLogger("dev.live.redis")
    }
}
