package dev.live.server.topic

import dev.live.protocol.Position
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.StoredHistory
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Job
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.withPermit
import kotlinx.coroutines.withTimeout
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import kotlin.time.Duration.Companion.seconds

/**
 * Reads publications that the broker did not deliver from the topic's history, in a coroutine of its own: the topic
 * continues meanwhile. At most one read at a time; a failed one is repeated.
 *
 * Only accessed by the topic's actor, unless noted otherwise.
 */
internal class HistoryRepair(
    private val topic: String,
    private val bounds: HistoryBounds,
    private val runtime: TopicRuntime,
    private val onRead: suspend (StoredHistory) -> Unit,
) {
    /** Whether a read is running. */
    var isRunning = false
        private set

    @Volatile
    private var job: Job? = null

    @Volatile
    private var isClosed = false

    /** Whether something was reported missing during the current read. */
    private var isOutdated = false

    /** Reads the publications after [since], and passes them to [onRead]. */
    fun start(since: Position) {
        isOutdated = isRunning
        if (isRunning) return
        isRunning = true
        job =
            runtime.scope.launch(CoroutineName("live-topic-repair"), CoroutineStart.UNDISPATCHED) {
                onRead(read(since))
            }
        if (isClosed) job?.cancel()
    }

    /** Ends the current read, and every later one. Called by any thread. */
    fun close() {
        isClosed = true
        job?.cancel()
    }

    /** The result was processed. Returns whether another read is necessary. */
    fun completed(): Boolean {
        isRunning = false
        return isOutdated
    }

    private suspend fun read(since: Position): StoredHistory {
        var wait = MIN_DELAY
        while (true) {
            try {
                // a reconnect of the broker concerns every topic at the same time. A permit for each attempt, not for
                // all of them: topics that wait for the next one must not block the others
                return runtime.repairs.withPermit {
                    withTimeout(TopicRuntime.BROKER_TIMEOUT) { runtime.broker.history(topic, since, bounds) }
                }
            } catch (e: Throwable) {
                currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
                log.warn("The history of topic {} cannot be read. The next attempt follows in {}.", topic, wait, e)
            }
            delay(wait)
            wait = minOf(wait * 2, MAX_DELAY)
        }
    }

    private companion object {
        val MIN_DELAY = 1.seconds
        val MAX_DELAY = 30.seconds
        val log: Logger = LoggerFactory.getLogger("dev.live.server.topic")
    }
}
