package dev.live.server.support

import dev.live.protocol.CloseCode
import dev.live.server.broker.BrokerStatus
import dev.live.server.observe.HandlerOutcome
import dev.live.server.observe.LiveObserver
import dev.live.server.observe.PublishOutcome
import dev.live.server.observe.RecoveryCause
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration

/** Records events except samples and session ids. With a [failure], it throws it after each event. */
internal class RecordingObserver(private val failure: Throwable? = null) : LiveObserver {
    private val events = CopyOnWriteArrayList<String>()

    /** Sessions, queued messages, queued bytes and the deepest queue, one list per sample. */
    val samples: MutableList<List<Long>> = CopyOnWriteArrayList()

    /** The sampled states of the broker. */
    val brokerSamples: MutableList<BrokerStatus> = CopyOnWriteArrayList()

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

    override fun handled(type: String, duration: Duration, outcome: HandlerOutcome) {
        check(duration.isPositive()) { "a handler took $duration" }
        record("handled $type: $outcome")
    }

    override fun rateLimited(session: String) = record("limited")

    override fun publishCompleted(topic: String, duration: Duration, outcome: PublishOutcome) {
        check(duration.isPositive()) { "a publication took $duration" }
        record("completed $topic: $outcome")
    }

    override fun recovered(topic: String, messages: Int, cause: RecoveryCause) =
        record("recovered $messages of $topic for $cause")

    override fun gapReported(topic: String, subscribers: Int, cause: RecoveryCause) =
        record("gap of $topic to $subscribers for $cause")

    override fun lagMeasured(lag: Duration) = record("lag $lag")

    override fun lagSampled(lag: Duration) = record("sampled lag $lag")

    override fun brokerSampled(status: BrokerStatus) {
        brokerSamples += status
        failure?.let { throw it }
    }

    private fun record(event: String) {
        events += event
        failure?.let { throw it }
    }
}
