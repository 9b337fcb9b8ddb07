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
 * Notifies the clients of a scope that it has advanced: publishes the cursor to the topic `sync:<scope>`.
 *
 * [syncScopes] authorizes the subscribers. A cursor that is not above the scope's remembered one is dropped. A slow
 * client receives only the newest cursor, and is never closed for being slow. After the server has stopped, [notify]
 * does nothing.
 *
 * @param interval minimum time between two notifications of one scope, from 1 ms to 1 day. The later one carries the
 *   newest cursor
 * @param maxScopes number of scopes whose cursor is remembered, at least 2. The scopes that were not notified for the
 *   longest time are evicted first. 100,000 scopes take about 20 MB
 * @param source returns the current cursor of a scope on subscribe, such as after a restart; null if the engine does
 *   not know it. The handler timeout applies. If it is missing or fails, the client receives no cursor unless one was
 *   notified, and pulls
 * @throws IllegalArgumentException if [interval] or [maxScopes] is out of bounds
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
    private val cursorNotifier: CursorNotifier
    private val rejections = AtomicLong()
    private val failures = RateLimitedLogger(LOG_INTERVAL)
    private val sourceFailures = RateLimitedLogger(LOG_INTERVAL)

    init {
        val start = TimeSource.Monotonic.markNow()
        cursorNotifier =
            CursorNotifier(
                interval,
                now = { start.elapsedNow().inWholeNanoseconds },
                publish = { scope, cursor ->
                    live.topic(SyncWire.topicOf(scope)).publish(SyncWire.TYPE, SyncWire.bodyOf(cursor))
                },
                onFailure = { scope, cause ->
                    if (failures.isDue()) {
                        log.warn("Could not publish the cursor of scope '{}'; retrying: {}", scope, "$cause")
                    }
                },
            )
        live.launch(CoroutineName("live-sync")) { cursorNotifier.run() }.invokeOnCompletion { cursorNotifier.end() }
    }

    /**
     * Number of [notify] calls with an invalid scope: empty, over 251 bytes, or with control characters. The first one
     * is logged.
     */
    public val refused: Long get() = rejections.get()

    override fun notify(scope: String, cursor: ULong) {
        if (cursors[scope] == null && !isScope(scope)) return
        cursorNotifier.offer(cursors.raise(scope, cursor) ?: return)
    }

    /**
     * The other [notify] for Java: [cursor] has the bits of an unsigned number, as returned by
     * `Long.parseUnsignedLong`. [scope] must not be null.
     */
    public fun notify(scope: String, cursor: Long): Unit = notify(scope, cursor.toULong())

    /** Number of scopes queued to be published. */
    internal val waiting: Int get() = cursorNotifier.waiting

    /** The newest remembered cursor of [scope] that was notified on this node; null if unknown. */
    internal fun known(scope: String): ULong? = cursors[scope]

    /** The newest cursor of [scope], remembered or from the source; null if unknown. */
    internal suspend fun newest(scope: String): ULong? {
        val stored = stored(scope)
        val known = cursors[scope] // after the source: it may have advanced during that call
        return if (stored == null || known == null) known ?: stored else maxOf(stored, known)
    }

    /** Returns null if the source fails: the client then pulls, as for an unknown cursor. */
    private suspend fun stored(scope: String): ULong? =
        try {
            source?.invoke(scope)
        } catch (e: Exception) {
            currentCoroutineContext().ensureActive()
            if (sourceFailures.isDue()) log.warn("The cursor source failed for scope '{}': {}", scope, "$e")
            null
        }

    private fun isScope(scope: String): Boolean =
        try {
            SyncWire.topicOf(scope)
            true
        } catch (e: IllegalArgumentException) {
            val isFirst = rejections.getAndIncrement() == 0L
            if (isFirst) log.warn("Ignored notify() with an invalid scope: {}", e.message)
            false
        }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.sync")

        /** Per kind of failure: an unavailable broker or database fails for all scopes and subscribers. */
        val LOG_INTERVAL = 10.seconds
    }
}
