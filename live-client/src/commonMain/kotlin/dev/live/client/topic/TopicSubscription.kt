package dev.live.client.topic

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration

/**
 * The interest of all collectors of one topic: the first one subscribes, the last one unsubscribes.
 *
 * What is wanted (are there collectors?) and what the server knows ([phase]) are kept apart, and [take] says the one
 * thing that brings the second closer to the first, at the moment it is written. One thing at a time: while an answer
 * is awaited nothing more is said about this topic, so cancelling and collecting again in quick succession can never
 * cross on the wire. Only used on the client's dispatcher.
 *
 * @param onChange called when there may be something to say
 */
internal class TopicSubscription(
    val topic: String,
    private val scope: CoroutineScope,
    private val refs: Refs,
    private val pending: PendingReplies,
    private val answerTimeout: Duration,
    private val onChange: (TopicSubscription) -> Unit,
) : Outgoing {
    private enum class Phase {
        Out,
        Joining,
        In,
        Leaving,

        /** A `subscribe` went unanswered: only an `unsubscribe` makes it certain again. */
        Unknown,
    }

    private val mailboxes = ArrayList<Mailbox>()
    private var phase = Phase.Out
    private var awaited: Awaited? = null

    /** Whether this waits in the outbox. Kept by the router, so that it waits there once. */
    var isQueued = false

    val isCollected: Boolean get() = mailboxes.isNotEmpty()

    /** Whether what the server knows is what is wanted, or will be said when the answer is here. */
    val isSettled: Boolean
        get() =
            when (phase) {
                Phase.Out -> mailboxes.isEmpty()
                Phase.In -> mailboxes.isNotEmpty()
                Phase.Joining, Phase.Leaving -> true
                Phase.Unknown -> false
            }

    /** Whether nobody, neither collectors nor the server, has anything to do with this any more. */
    val isForgettable: Boolean get() = mailboxes.isEmpty() && phase == Phase.Out

    fun add(mailbox: Mailbox) {
        mailboxes += mailbox
        onChange(this)
    }

    fun remove(mailbox: Mailbox) {
        if (mailboxes.remove(mailbox)) onChange(this)
    }

    override fun take(): Message? {
        isQueued = false
        if (isSettled) {
            onChange(this) // it may be time to forget this
            return null
        }
        val isJoin = phase == Phase.Out
        phase = if (isJoin) Phase.Joining else Phase.Leaving
        val answer = Awaited(refs.next(), isJoin)
        awaited = answer
        pending.expect(answer.ref, answer)
        return Message(if (isJoin) MessageType.SUBSCRIBE else MessageType.UNSUBSCRIBE, topic, answer.ref)
    }

    /** Hands [message] to every collector; what comes before the `ack` or after the last word belongs to none. */
    fun deliver(message: Message) {
        if (phase != Phase.In) return
        if (mailboxes.removeAll { !it.offer(message) }) onChange(this)
    }

    /** The server has forgotten everything; the collectors have not. */
    fun disconnected() {
        awaited?.done()
        phase = Phase.Out
    }

    /** Ends every flow: normally, or with what [failure] makes. */
    fun end(failure: () -> LiveException?) {
        disconnected()
        failCollectors(failure)
    }

    private fun failCollectors(failure: () -> LiveException?) {
        val ended = mailboxes.toList()
        mailboxes.clear()
        ended.forEach { it.end(failure()) } // one exception each: sharing one would mix their stack traces
    }

    /** The wait for the answer to one `subscribe` or `unsubscribe`. */
    private inner class Awaited(val ref: String, private val isJoin: Boolean) : Asker {
        private val timer: Job =
            scope.launch(CoroutineName("live-subscribe-timeout")) {
                delay(answerTimeout)
                onUnanswered()
            }

        override fun onAnswer(answer: Message) = settle(if (isJoin) Phase.In else Phase.Out)

        override fun onRefused(error: LiveException) {
            if (isJoin) failCollectors { LiveException(error.code, error.reason, error.retryAfter) }
            settle(Phase.Out)
        }

        override fun onConnectionLost() = disconnected()

        fun done() {
            timer.cancel()
            pending.forget(ref)
            awaited = null
        }

        private fun onUnanswered() {
            if (isJoin) {
                failCollectors { LiveException(ErrorCode.Timeout, "no answer to 'subscribe' within $answerTimeout") }
            }
            settle(if (isJoin) Phase.Unknown else Phase.Out)
        }

        private fun settle(next: Phase) {
            done()
            phase = next
            onChange(this@TopicSubscription)
        }
    }
}
