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
 * Paces what subscriptions say by the server's answers: [WINDOW] of them at most are unanswered, the others wait in line. So
 * neither a thousand topics after a reconnect nor a screen that closes fills the server's queue for this session.
 *
 * A server that refuses with `rate_limited` is asked one thing at a time, with a gap in between: it grows with each further
 * refusal and shrinks with each answer, so that the rate stays about where the server has it. How long the topic that was
 * refused itself waits is for its [Retry] to say. Only used on the client's dispatcher.
 */
internal class SubscriptionPace(private val scope: CoroutineScope, private val outbox: Outbox) {
    private val line = LinkedHashSet<TopicSubscription>()

    /** In the outbox, or unanswered. */
    private val open = HashSet<TopicSubscription>()
    private var window = WINDOW

    /** Between one and the next; zero while the server has not refused. */
    private var gap = Duration.ZERO
    private var pause: Job? = null

    /** Whether [pause] is because of a refusal: more of them that come meanwhile are about the same moment. */
    private var isRefused = false

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

    /** The server carried something out. */
    fun accepted() {
        gap = (gap * SHRINK).let { if (it < LEAST_GAP) Duration.ZERO else it }
        if (gap == Duration.ZERO) window = (window + 1).coerceAtMost(WINDOW)
    }

    /** The server refused something as too much for now, and asks to wait for [retryAfter] with that. */
    fun refused(retryAfter: Duration?) {
        val asked = (retryAfter ?: MOST_GAP).coerceIn(LEAST_GAP, FIRST_GAP)
        gap = if (isRefused) maxOf(gap, asked) else maxOf(gap * 2, asked).coerceAtMost(MOST_GAP)
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
                releaseFirst()
            }
    }

    /** What has waited in line goes before what was queued later. */
    private fun releaseFirst() {
        val released = release()
        if (released.isNotEmpty()) outbox.putOwnBeforeLetters(released)
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
        /** Half of what a session's queue holds by default, as a topic may say something behind its ack; and a third of its burst. */
        const val WINDOW = 64

        /** After a refusal, when the gap is gone. */
        private const val SMALL_WINDOW = 8
        private const val SHRINK = 0.9
        private val LEAST_GAP = 2.milliseconds

        /** One topic may be refused by the application, for as long as that likes: others are not held up so long. */
        private val FIRST_GAP = 100.milliseconds
        private val MOST_GAP = 5.seconds
    }
}
