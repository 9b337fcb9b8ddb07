package dev.live.client.topic

import dev.live.client.topic.SubscriptionState.Active
import dev.live.client.topic.SubscriptionState.Idle
import dev.live.client.topic.SubscriptionState.Outdated
import dev.live.client.topic.SubscriptionState.Requested
import dev.live.client.topic.SubscriptionState.SubscribeDelayed
import dev.live.client.topic.SubscriptionState.Subscribed
import dev.live.client.topic.SubscriptionState.Subscribing
import dev.live.client.topic.SubscriptionState.Unknown
import dev.live.client.topic.SubscriptionState.UnsubscribeDelayed
import dev.live.client.topic.SubscriptionState.Unsubscribed
import dev.live.client.topic.SubscriptionState.Unsubscribing
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.SubscribeData
import dev.live.protocol.of
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration

/**
 * The state machine of one topic, shared by all collectors of the topic. The first collector subscribes, the last one
 * unsubscribes.
 *
 * The desired state ([TopicCollectors]) and the server's state ([SubscriptionState]) are separate. [take] is called
 * when the message is written, and returns the one message that moves the server's state towards the desired one.
 * While its reply is pending, nothing else is sent for this topic, so a quick cancel and collect cannot cross on the
 * wire.
 *
 * Only used by [Subscriptions], on the client's dispatcher. A subscription calls its owner only when a timer ends.
 *
 * @param replyTimeout how long a new collector waits in total if the server postpones the `subscribe`
 * @param linger how long the subscription is kept after the last collector has gone
 * @param expectReply returns the pending reply to the message that is sent next
 * @param onTimer called when a timer has ended, so there may be a message to send
 */
internal class TopicSubscription(
    val topic: String,
    private val scope: CoroutineScope,
    private val replyTimeout: Duration,
    linger: Duration,
    private val expectReply: () -> SubscriptionReply,
    private val onTimer: () -> Unit,
) {
    private val collectors = TopicCollectors(scope, linger, onTimer)
    private val retryDelays = RetryDelays()
    var state: SubscriptionState = Idle
        private set(next) {
            field.leave()
            field = next
            if (next is Unsubscribed) collectors.endLinger() // there is no subscription to keep
        }

    val isCollected: Boolean get() = !collectors.isEmpty

    val isReplyPending: Boolean get() = state is Requested

    /** Whether the client is not subscribed on the server. The next message, if any, is a `subscribe`. */
    val isUnsubscribed: Boolean get() = state is Unsubscribed

    /** Whether neither a collector nor the server uses this subscription. It then has no timer. */
    val isUnused: Boolean get() = collectors.isEmpty && isUnsubscribed

    /**
     * Whether there is nothing to send now: the server's state is the desired one, or a reply or a retry is pending.
     */
    val isSettled: Boolean
        get() =
            when (state) {
                Idle -> collectors.isEmpty || collectors.isEmptying // an overflowed collector first empties its buffer
                is Subscribed -> collectors.isWanted && !collectors.hasOverflow
                Outdated, Unknown -> false
                is Requested, is SubscribeDelayed, is UnsubscribeDelayed -> true
            }

    operator fun contains(collector: CollectorBuffer): Boolean = collector in collectors

    fun add(collector: CollectorBuffer) {
        if (collectors.isEmpty && (state as? Subscribed)?.welcome?.isStale == true) state = Outdated
        collectors.add(collector)
        (state as? Subscribed)?.let { collector.subscribed(Recovery.First, it.welcome?.data) }
        collectors.offerPresence(collector)
    }

    fun remove(collector: CollectorBuffer) {
        if (!collectors.remove(collector) || isCollected) return
        retryDelays.reset()
        when (state) {
            is Subscribing, is Active -> collectors.startLinger()
            is SubscribeDelayed -> state = Idle
            is UnsubscribeDelayed -> state = Unknown
            Idle, is Unsubscribing, Unknown -> Unit
        }
    }

    /** Returns the message to write now, or null if there is nothing to send. */
    fun take(): Message? =
        when {
            isSettled -> null
            isUnsubscribed -> subscribe()
            else -> unsubscribe()
        }

    private fun subscribe(): Message {
        val since = collectors.position
        val params = collectors.params
        val data = if (since == null && params == null) null else Body.of(SubscribeData(since, params))
        val reply = expectReply()
        state = Subscribing(reply, data?.size ?: 0)
        return Message(MessageType.SUBSCRIBE, topic, reply.ref, data)
    }

    private fun unsubscribe(): Message {
        val reply = expectReply()
        state = Unsubscribing(reply)
        resetIfNotCollected() // not earlier: a collector may still start and continue
        return Message(MessageType.UNSUBSCRIBE, topic, reply.ref)
    }

    /**
     * Passes [message] to all collectors; ignores it before the ack and after the unsubscribe. Returns true if there
     * may be a message to send, because the buffer of a collector is full.
     */
    fun deliver(message: Message): Boolean {
        val active = state as? Active ?: return false
        val welcome = (active as? Subscribed)?.welcome
        if (welcome != null && !welcome.isStale) state = Subscribed(Welcome(welcome.data, isStale = true))
        return collectors.deliver(message)
    }

    /**
     * The server could not deliver some messages. The subscription continues after the position in [message]. Ignored
     * while the client is not subscribed: the server then reports a subscription that it has made itself.
     */
    fun continuedByServer(message: Message) {
        val active = state as? Active ?: return
        val welcome = (active as? Subscribed)?.welcome
        if (welcome != null) state = Subscribed(Welcome(welcome.data, isStale = true))
        collectors.subscribed(subscribedData(message), welcome = null)
    }

    /** The server processed the pending message; [ack] is its reply. */
    fun accepted(ack: Message) {
        if (state is Subscribing) {
            retryDelays.reset()
            val welcome = welcomeOf(ack)
            collectors.subscribed(subscribedData(ack), welcome)
            state = Subscribed(welcome?.let { Welcome(it) })
        } else {
            state = Idle
        }
    }

    /** The server rejected the pending message with [error]. */
    fun rejected(error: LiveException) {
        val isRateLimited = error.code == ErrorCode.RateLimited
        if (state is Subscribing) {
            if (!isRateLimited || !canWait(error.retryAfter)) {
                failCollectors(error.code.isWorthRetrying) {
                    LiveException(error.code, error.reason, error.retryAfter)
                }
            }
            state = if (isCollected) SubscribeDelayed(retryTimer(error.retryAfter, Idle)) else Idle
        } else {
            // the server did not process an unsubscribe that was rate limited
            state = if (isRateLimited) UnsubscribeDelayed(retryTimer(error.retryAfter, Unknown)) else Idle
        }
    }

    /** Whether a new collector waits for the retry instead of failing: for at most the reply timeout in total. */
    private fun canWait(retryAfter: Duration?): Boolean =
        retryAfter != null && retryDelays.total + retryAfter <= replyTimeout

    private fun retryTimer(retryAfter: Duration?, next: SubscriptionState): Job {
        val time = retryDelays.next(retryAfter)
        return scope.launch {
            delay(time)
            state = next
            onTimer()
        }
    }

    /** The reply to the pending message did not arrive in time. */
    fun timedOut() {
        if (state is Subscribing) {
            val reason = "no reply to 'subscribe' within $replyTimeout"
            failCollectors(isTemporary = true) { LiveException(ErrorCode.Timeout, reason) }
            state = Unknown
        } else {
            state = Idle
        }
    }

    /**
     * The connection was lost, and with it the server's state. The collectors stay.
     *
     * @param wasTooLarge whether the server closed it because of a message that was too large. A `subscribe` that may
     *   have been that message is not sent again.
     */
    fun disconnected(wasTooLarge: Boolean = false) {
        val size = (state as? Subscribing)?.size ?: 0
        if (wasTooLarge && size > MAX_SAFE_SIZE) {
            val reason =
                "the server closed because of a message that was too large, possibly this 'subscribe' of $size bytes"
            failCollectors { LiveException(ErrorCode.TooLarge, reason) }
        }
        retryDelays.reset()
        state = Idle
    }

    /**
     * The server ended the subscription; fails all collectors with the result of [failure]. If the reply to a
     * `subscribe` is pending, the server ended an older subscription that it had made itself.
     */
    fun unsubscribedByServer(failure: () -> LiveException) {
        when (state) {
            is Subscribing, Unknown, is UnsubscribeDelayed -> Unit
            Idle, is SubscribeDelayed, is Unsubscribing, is Active -> close(failure)
        }
    }

    /** Completes all flows, or fails them with the result of [failure]. */
    fun close(failure: () -> LiveException?) {
        disconnected()
        failCollectors(failure = failure)
    }

    private fun failCollectors(isTemporary: Boolean = false, failure: () -> LiveException?) {
        collectors.close(isTemporary, failure)
        resetIfNotCollected()
    }

    /** Resets the data for later collectors. */
    private fun resetIfNotCollected() {
        if (isCollected) return
        collectors.forget()
        retryDelays.reset()
    }

    private companion object {
        /** Bytes that no server rejects as too large: a position in a history and short params. */
        const val MAX_SAFE_SIZE = 1024
    }
}
