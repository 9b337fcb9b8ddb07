package dev.live.server.support

import dev.live.protocol.CloseCode
import dev.live.server.observe.HandlerOutcome
import dev.live.server.observe.LiveObserver
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration

/** Writes down what it is told, but for samples and sessions' ids; with a [failure] it throws that after doing so. */
internal class RecordingObserver(private val failure: Throwable? = null) : LiveObserver {
    private val events = CopyOnWriteArrayList<String>()

    /** Messages that waited, the bytes of them, and the most in one queue, as of each look. */
    val samples: MutableList<List<Long>> = CopyOnWriteArrayList()

    fun events(): List<String> = events.toList()

    override fun sessionOpened(session: String) = record("opened")

    override fun sessionClosed(session: String, code: CloseCode) = record("closed $code")

    override fun topicCreated(topic: String) = record("created $topic")

    override fun topicEnded(topic: String) = record("ended $topic")

    override fun messageReceived(bytes: Int) = record("received $bytes")

    override fun messagePublished(topic: String, subscribers: Int, bytes: Int) =
        record("published $topic to $subscribers: $bytes")

    override fun delivered(topic: String, messages: Int, subscribers: Int, bytes: Int) =
        record("delivered $messages of $topic to $subscribers: $bytes")

    override fun dropped(policy: String, messages: Int) = record("dropped $messages by $policy")

    override fun queuesSampled(sessions: Int, messages: Long, bytes: Long, deepest: Int) {
        samples += listOf(sessions.toLong(), messages, bytes, deepest.toLong())
    }

    override fun handled(what: String, duration: Duration, outcome: HandlerOutcome) {
        check(duration.isPositive()) { "a handler took $duration" }
        record("handled $what: $outcome")
    }

    override fun rateLimited(session: String) = record("limited")

    private fun record(event: String) {
        events += event
        failure?.let { throw it }
    }
}
