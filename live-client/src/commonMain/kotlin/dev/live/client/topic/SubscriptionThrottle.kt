package dev.live.client.topic

import dev.live.protocol.CloseCode
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The next message of one subscription, as an entry of the [SubscriptionThrottle] and then of the outbox. */
internal interface SubscriptionEntry : Outgoing {
    /** Whether the message is a `subscribe`. */
    val isSubscribe: Boolean
}

/**
 * Limits the rate of subscribes and unsubscribes by the server's replies: at most [WINDOW] are unanswered, the others
 * wait in a queue. A reconnect with 1,000 topics, or the close of a screen, cannot fill the server's queue
 * for this session.
 *
 * After a `rate_limited` error the client sends one at a time, with a gap in between. The gap grows when the server
 * rejects further topics and shrinks with each ack, so the rate converges to the server's limit. The [RetryDelays] of
 * a rejected topic decide when that topic is sent again. Only used on the client's dispatcher.
 */
internal class SubscriptionThrottle(private val scope: CoroutineScope, private val outbox: Outbox) {
    private val waiting = LinkedHashSet<SubscriptionEntry>()

    /** Subscriptions with a message in the outbox, or with an unanswered one. */
    private val inFlight = HashSet<SubscriptionEntry>()
    private var window = WINDOW

    /** Time between two messages; zero until the server rejects one. */
    private var gap = Duration.ZERO
    private var pause: Job? = null

    /** Whether [pause] follows a rejection. Further rejections during the pause count as the same one. */
    private var isRejected = false

    /** The topic that was rejected last, if the server has accepted none since. */
    private var lastRejected: SubscriptionEntry? = null

    /** Queues [entry], which has a message to send. */
    fun add(entry: SubscriptionEntry) {
        waiting += entry
        release().forEach(outbox::addControl)
    }

    /** A connection was opened. Queues [entries] before all other messages. */
    fun connected(entries: List<SubscriptionEntry>) {
        waiting += entries
        outbox.addControlFirst(release())
    }

    /**
     * The connection was closed.
     *
     * @param code the server's close code; null if the server did not close it
     */
    fun disconnected(code: CloseCode?) {
        waiting.clear()
        inFlight.clear()
        pause?.cancel()
        pause = null
        isRejected = false
        lastRejected = null
        window = WINDOW
        gap = if (code == CloseCode.TooManyMessages) INITIAL_GAP else Duration.ZERO
    }

    /**
     * Releases [entry] immediately, because a message to its topic is about to be written. Returns false if it
     * is not queued.
     */
    fun bypass(entry: SubscriptionEntry): Boolean =
        waiting.remove(entry).also { if (it) inFlight += entry }

    /** [entry] received its reply, or had nothing to send. */
    fun finished(entry: SubscriptionEntry) {
        if (inFlight.remove(entry)) releaseNext()
    }

    /** The server accepted a `subscribe` or `unsubscribe`. */
    fun accepted() {
        lastRejected = null
        gap = (gap * SHRINK_FACTOR).let { if (it < MIN_GAP) Duration.ZERO else it }
        if (gap == Duration.ZERO) window = (window + 1).coerceAtMost(WINDOW)
    }

    /**
     * The server rejected [entry] with `rate_limited` and requested a retry after [retryAfter].
     *
     * The gap doubles only if the server rejects different topics and accepts none in between. A topic that is rejected
     * repeatedly waits for its own retry and does not slow down the others.
     */
    fun rejected(entry: SubscriptionEntry, retryAfter: Duration?) {
        val requested = (retryAfter ?: MAX_GAP).coerceIn(MIN_GAP, INITIAL_GAP)
        val isOtherTopic = lastRejected != null && lastRejected !== entry
        val isTooFast = isOtherTopic && !isRejected
        gap = if (isTooFast) maxOf(gap * 2, requested).coerceAtMost(MAX_GAP) else maxOf(gap, requested)
        lastRejected = entry
        window = WINDOW_AFTER_REJECTION
        isRejected = true
        pause(gap)
    }

    private fun pause(time: Duration) {
        pause?.cancel()
        pause =
            scope.launch(CoroutineName("live-subscription-throttle")) {
                delay(time)
                pause = null
                isRejected = false
                if (waiting.isEmpty()) gap = Duration.ZERO
                releaseNext()
            }
    }

    /**
     * Queues subscribes before the application's messages, so that a message to a topic follows its subscribe.
     * Unsubscribes go to the end: messages to the topic that were queued before must be sent first.
     */
    private fun releaseNext() {
        val (subscribes, unsubscribes) = release().partition { it.isSubscribe }
        if (subscribes.isNotEmpty()) outbox.addControlBeforeSends(subscribes)
        unsubscribes.forEach(outbox::addControl)
    }

    private fun release(): List<SubscriptionEntry> {
        val released = ArrayList<SubscriptionEntry>()
        while (pause == null && waiting.isNotEmpty() && inFlight.size < if (gap > Duration.ZERO) 1 else window) {
            val next = waiting.first()
            waiting -= next
            inFlight += next
            released += next
            if (gap > Duration.ZERO) pause(gap)
        }
        return released
    }

    companion object {
        /**
         * Unanswered subscribes and unsubscribes. A quarter of a session's default queue (256 messages), because the
         * server may send more messages after an ack, and less than a third of the default burst (200).
         */
        const val WINDOW = 64

        /** The window after a rejection, once the gap is back to zero. */
        private const val WINDOW_AFTER_REJECTION = 8
        private const val SHRINK_FACTOR = 0.9
        private val MIN_GAP = 2.milliseconds

        /**
         * Also the upper limit for a server's `retryAfter` as a gap. An application may reject one topic for any
         * time; the other topics do not wait that long.
         */
        private val INITIAL_GAP = 100.milliseconds
        private val MAX_GAP = 5.seconds
    }
}
