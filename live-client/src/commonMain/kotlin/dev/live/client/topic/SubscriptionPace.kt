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

/**
 * Sends subscribes and unsubscribes at the pace of the server's answers: at most [WINDOW] are unanswered, the others wait
 * in line. So neither 1,000 topics after a reconnect nor a screen that closes fills the server's queue for this session.
 *
 * After a `rate_limited` the client sends one at a time, with a gap in between. The gap grows when the server refuses
 * further topics and shrinks with each ack, so that the rate settles at about the server's limit. The [Retry] of a refused
 * topic decides when that topic is sent again. Only used on the client's dispatcher.
 */
internal class SubscriptionPace(private val scope: CoroutineScope, private val outbox: Outbox) {
    private val line = LinkedHashSet<TopicSubscription>()

    /** In the outbox, or unanswered. */
    private val open = HashSet<TopicSubscription>()
    private var window = WINDOW

    /** Between one and the next; zero while the server has not refused. */
    private var gap = Duration.ZERO
    private var pause: Job? = null

    /** Whether [pause] follows a refusal: further refusals during the pause are about the same moment. */
    private var isRefused = false

    /** The last topic that was refused since the server accepted anything. */
    private var lastRefused: TopicSubscription? = null

    /** [subscription] has something to say. */
    fun add(subscription: TopicSubscription) {
        line += subscription
        release().forEach(outbox::putOwn)
    }

    /** A connection stands, on which [subscriptions] have something to say before anybody else. */
    fun connected(subscriptions: List<TopicSubscription>) {
        line += subscriptions
        outbox.putOwnFirst(release())
    }

    /** The connection is gone; after a close with [code]. */
    fun disconnected(code: CloseCode?) {
        line.clear()
        open.clear()
        pause?.cancel()
        pause = null
        isRefused = false
        lastRefused = null
        window = WINDOW
        gap = if (code == CloseCode.TooManyMessages) FIRST_GAP else Duration.ZERO
    }

    /** Takes [subscription] out of the line, because something of its topic is written now; false if it is not there. */
    fun overtake(subscription: TopicSubscription): Boolean =
        line.remove(subscription).also { if (it) open += subscription }

    /** [subscription] had nothing to say, or has its answer. */
    fun finished(subscription: TopicSubscription) {
        if (open.remove(subscription)) releaseFirst()
    }

    /** The server accepted a `subscribe` or `unsubscribe`. */
    fun accepted() {
        lastRefused = null
        gap = (gap * SHRINK).let { if (it < LEAST_GAP) Duration.ZERO else it }
        if (gap == Duration.ZERO) window = (window + 1).coerceAtMost(WINDOW)
    }

    /**
     * The server refused [subscription] with `rate_limited` and asks to retry it after [retryAfter].
     *
     * The gap doubles only if the server refuses different topics and accepts none in between. A topic that is refused
     * repeatedly waits for its own [Retry] and does not slow down the others.
     */
    fun refused(subscription: TopicSubscription, retryAfter: Duration?) {
        val asked = (retryAfter ?: MOST_GAP).coerceIn(LEAST_GAP, FIRST_GAP)
        val isAnother = lastRefused != null && lastRefused !== subscription
        gap = if (isAnother && !isRefused) maxOf(gap * 2, asked).coerceAtMost(MOST_GAP) else maxOf(gap, asked)
        lastRefused = subscription
        window = SMALL_WINDOW
        isRefused = true
        pause(gap)
    }

    private fun pause(time: Duration) {
        pause?.cancel()
        pause =
            scope.launch(CoroutineName("live-subscription-pace")) {
                delay(time)
                pause = null
                isRefused = false
                if (line.isEmpty()) gap = Duration.ZERO
                releaseFirst()
            }
    }

    /**
     * Queues subscribes before the messages of the application, so that a message to a topic follows its subscribe.
     * Unsubscribes go behind them: the topic's messages that were queued before must be sent first.
     */
    private fun releaseFirst() {
        val (subscribes, unsubscribes) = release().partition { it.isOut }
        if (subscribes.isNotEmpty()) outbox.putOwnBeforeLetters(subscribes)
        unsubscribes.forEach(outbox::putOwn)
    }

    private fun release(): List<TopicSubscription> {
        val released = ArrayList<TopicSubscription>()
        while (pause == null && line.isNotEmpty() && open.size < if (gap > Duration.ZERO) 1 else window) {
            val next = line.first()
            line -= next
            open += next
            released += next
            if (gap > Duration.ZERO) pause(gap)
        }
        return released
    }

    companion object {
        /**
         * A quarter of a session's default queue (256 messages), as the server may send more messages behind an ack; and
         * less than a third of the default burst (200).
         */
        const val WINDOW = 64

        /** After a refusal, when the gap is gone. */
        private const val SMALL_WINDOW = 8
        private const val SHRINK = 0.9
        private val LEAST_GAP = 2.milliseconds

        /** The application may refuse one topic for any time. The other topics do not wait that long. */
        private val FIRST_GAP = 100.milliseconds
        private val MOST_GAP = 5.seconds
    }
}
