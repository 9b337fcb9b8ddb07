package dev.live.sync.server

import dev.live.server.LiveServer
import dev.live.sync.SyncNotifier
import dev.live.sync.SyncWire
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.atomic.AtomicLong
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/**
 * Tells the clients of a scope that it has advanced: publishes its cursor to the topic `sync:<scope>`. Which clients
 * may have which scopes is for [syncScopes] to say.
 *
 * Only ever forward, as far as it remembers: a cursor that is not ahead of the last is dropped. A client that is slow
 * misses all but the newest, and is never closed for it. After the server has ended, [notify] does nothing.
 *
 * @param interval a scope's clients are told at most once in this time, then of the newest; from 1 ms to 1 day
 * @param maxScopes scopes whose cursor is remembered, at least 2: what was not notified for longest makes way. A
 *   hundred thousand take about 20 MB
 * @param source asked within a handler's time for the cursor of a scope that somebody subscribes to, such as after a
 *   restart, when nothing was notified yet; null if the engine does not know it. Without it, and where it fails, such a
 *   client is told that nothing is known, and looks itself
 * @throws IllegalArgumentException if [interval] or [maxScopes] is out of its bounds
 */
public class LiveSyncNotifier(
    live: LiveServer,
    interval: Duration = 50.milliseconds,
    maxScopes: Int = 100_000,
    private val source: (suspend (scope: String) -> ULong?)? = null,
) : SyncNotifier {
    init {
        require(interval in 1.milliseconds..1.days) { "interval must be from 1 ms to 1 day, was $interval" }
        require(maxScopes >= 2) { "maxScopes must be at least 2, was $maxScopes" }
    }

    private val cursors = ScopeCursors(maxScopes)
    private val teller: CursorNotifier
    private val refusals = AtomicLong()
    private val failures = RateLimitedLogger(LOG_EVERY)
    private val sourceFailures = RateLimitedLogger(LOG_EVERY)

    init {
        val start = TimeSource.Monotonic.markNow()
        teller =
            CursorNotifier(
                interval,
                now = { start.elapsedNow().inWholeNanoseconds },
                tell = { scope, cursor ->
                    live.topic(SyncWire.topicOf(scope)).publish(SyncWire.TYPE, SyncWire.bodyOf(cursor))
                },
                onFailure = { scope, cause ->
                    if (failures.isDue()) {
                        log.warn(
                            "Scope {} could not be told of its cursor, and will be: {}",
                            scope,
                            "$cause",
                        )
                    }
                },
            )
        live.launch(CoroutineName("live-sync")) { teller.run() }.invokeOnCompletion { teller.end() }
    }

    /**
     * Calls with a scope that cannot be one: empty, over 251 bytes, or with control characters. The first is logged.
     */
    public val refused: Long get() = refusals.get()

    override fun notify(scope: String, cursor: ULong) {
        if (cursors[scope] == null && !isScope(scope)) return
        teller.offer(cursors.raise(scope, cursor) ?: return)
    }

    /**
     * As the other [notify], for Java: [cursor] has the bits of an unsigned number, as `Long.parseUnsignedLong`
     * makes. [scope] must not be null.
     */
    public fun notify(scope: String, cursor: Long): Unit = notify(scope, cursor.toULong())

    /** Scopes that wait to be told. */
    internal val waiting: Int get() = teller.waiting

    /** The newest cursor of [scope] that was notified here; null if that is not known. */
    internal fun known(scope: String): ULong? = cursors[scope]

    /** The newest cursor of [scope] that anybody here knows of. */
    internal suspend fun present(scope: String): ULong? {
        val stored = stored(scope)
        val known = cursors[scope] // after the source: it may have risen meanwhile
        return if (stored == null || known == null) known ?: stored else maxOf(stored, known)
    }

    /** An engine that cannot say is as one that does not know: the client looks itself. */
    private suspend fun stored(scope: String): ULong? =
        try {
            source?.invoke(scope)
        } catch (e: Exception) {
            currentCoroutineContext().ensureActive()
            if (sourceFailures.isDue()) log.warn("The source of cursors failed for scope {}: {}", scope, "$e")
            null
        }

    private fun isScope(scope: String): Boolean =
        try {
            SyncWire.topicOf(scope)
            true
        } catch (e: IllegalArgumentException) {
            val isFirst = refusals.getAndIncrement() == 0L
            if (isFirst) log.warn("notify was called with no scope, and did nothing: {}.", e.message)
            false
        }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.sync")

        /** Of failures of one kind: a broker or a database that is away fails for all scopes and all who join. */
        val LOG_EVERY = 10.seconds
    }
}
