package dev.live.client.topic

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.WelcomeData
import dev.live.protocol.decode
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** The wait for the answer to one `subscribe` or `unsubscribe`, whose ref is [ref]. */
internal class SubscriptionAnswer(
    val ref: String,
    listener: Listener,
    private val pending: PendingReplies,
    private val timer: Job,
) : ReplyHandler by listener {
    /** Told once, unless nobody waits any more. */
    interface Listener : ReplyHandler {
        /** There was no answer in time. */
        fun onUnanswered()
    }

    /** Nobody waits any more. */
    fun done() {
        timer.cancel()
        pending.forget(ref)
    }
}

/**
 * Waits for the server's answers to what is said of subscriptions. Only used on the client's dispatcher.
 *
 * @property timeout how long for each, and for as long as nothing at all comes: then it is the connection that is judged,
 *   and what was asked on it is asked again on the next
 * @param suspect called when one is late, which suggests that the connection does not stand
 * @param timesHeard how often something came from the server
 */
internal class SubscriptionAnswers(
    private val scope: CoroutineScope,
    private val refs: Refs,
    private val pending: PendingReplies,
    val timeout: Duration,
    private val suspect: () -> Unit,
    private val timesHeard: () -> Long,
) {
    /** Waits for the answer to what is now said with the ref of the result. */
    fun expect(listener: SubscriptionAnswer.Listener): SubscriptionAnswer {
        val timer = scope.launch(CoroutineName("live-subscribe-timeout")) { listener.unlessAnswered() }
        val answer = SubscriptionAnswer(refs.next(), listener, pending, timer)
        pending.expect(answer.ref, answer)
        return answer
    }

    private suspend fun SubscriptionAnswer.Listener.unlessAnswered() {
        val before = timesHeard()
        val lead = minOf(timeout / 2, SUSPICION_LEAD)
        delay(timeout - lead)
        suspect()
        do delay(lead) while (timesHeard() == before)
        onUnanswered()
    }

    private companion object {
        /** How long before the end of the wait the server is asked for a word: longer than that takes. */
        val SUSPICION_LEAD = 3.seconds
    }
}

/** What a server says in [ack] that keeps a history of the topic; null from one that does not. */
internal fun subscribedData(ack: Message): SubscribedData? =
    try {
        if (ack.body == null) null else ack.decode<SubscribedData>().also { Position(it.epoch, it.offset) }
    } catch (_: BadPayloadException) {
        null // then it is as good as none: there is nothing to recover by
    } catch (_: IllegalArgumentException) {
        null // a place that could not be asked for again
    }

/** What the server's application says in [ack]; null if it says nothing. */
internal fun welcomeOf(ack: Message): JsonElement? =
    try {
        if (ack.body == null) null else ack.decode<WelcomeData>().welcome
    } catch (_: BadPayloadException) {
        null // nothing that could be made sense of
    }
