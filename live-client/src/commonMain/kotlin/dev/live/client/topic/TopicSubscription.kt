package dev.live.client.topic

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribeData
import dev.live.protocol.of
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration

/**
 * The subscription to one topic, shared by all its collectors. The first collector subscribes, the last one
 * unsubscribes.
 *
 * The desired state (are there collectors?) and the server's state ([phase]) are separate. [take] is called
 * when the message is written, and returns the one message that moves the server's state towards the desired one.
 * While its reply is pending, nothing else is sent for this topic, so a quick cancel and collect cannot cross on the
 * wire. Only used on the client's dispatcher. The class is long because all its parts share one state machine.
 *
 * @param throttle notified of the server's replies
 * @param linger how long the subscription is kept after the last collector has gone
 * @param onChange called when there may be a message to send
 */
internal class TopicSubscription(
    val topic: String,
    private val scope: CoroutineScope,
    private val replies: SubscriptionReplies,
    private val throttle: SubscriptionThrottle,
    private val linger: Duration,
    private val onChange: (TopicSubscription) -> Unit,
) : Outgoing {
    private val collectors = ArrayList<CollectorBuffer>()
    private var phase = SubscriptionPhase.Unsubscribed
    private var pendingReply: SubscriptionReply? = null

    /** The timer that delays the unsubscribe after the last collector; null if it is not running. */
    private var lingerTimer: Job? = null

    /** Epoch of the topic's history; null if it is not known yet or the topic keeps no history. */
    private var epoch: String? = null

    private var presence = Presence.Empty

    /** `welcome` data from the last ack. */
    private var welcome: JsonElement? = null

    /** Whether a message arrived after [welcome], which may therefore be outdated. */
    private var isWelcomeStale = false

    /** Whether to unsubscribe and subscribe again, because a new collector has missed messages since [welcome]. */
    private var mustResubscribe = false

    /** Payload size of the last `subscribe`, in bytes. */
    private var subscribeSize = 0

    /** Offset of the newest message received. */
    private var offset = 0L

    private val retry = Retry(scope) { onChange(this) }

    /** Whether this is queued in the throttle or the outbox. Set by the router, so that it is queued at most once. */
    var isQueued = false

    val isCollected: Boolean get() = collectors.isNotEmpty()

    val isReplyPending: Boolean get() = pendingReply != null

    /**
     * Whether there is nothing to send now: the server's state is the desired one, or a reply or a retry is pending.
     */
    val isSettled: Boolean
        get() =
            when (phase) {
                // an overflowed collector first empties its buffer
                SubscriptionPhase.Unsubscribed -> collectors.isEmpty() || retry.isScheduled ||
                    collectors.any { it.isOverflowed && !it.isEmpty }
                SubscriptionPhase.Subscribed ->
                    (isCollected || lingerTimer != null) && collectors.none { it.isOverflowed } && !mustResubscribe
                SubscriptionPhase.Subscribing, SubscriptionPhase.Unsubscribing -> true
                SubscriptionPhase.Unknown -> retry.isScheduled
            }

    /** Whether the client is not subscribed on the server. The next message, if any, is a `subscribe`. */
    val isUnsubscribed: Boolean get() = phase == SubscriptionPhase.Unsubscribed

    /** Whether neither a collector nor the server uses this subscription. */
    val isUnused: Boolean get() = collectors.isEmpty() && isUnsubscribed

    /**
     * Whether the reply to a `subscribe` may still arrive. An `unsubscribe` from the server before it does not count.
     */
    val isSubscribePending: Boolean
        get() = phase == SubscriptionPhase.Subscribing || phase == SubscriptionPhase.Unknown

    operator fun contains(collector: CollectorBuffer): Boolean = collector in collectors

    fun add(collector: CollectorBuffer) {
        lingerTimer?.cancel()
        lingerTimer = null
        if (collectors.isEmpty() && phase == SubscriptionPhase.Subscribed) {
            mustResubscribe = welcome != null && isWelcomeStale
        }
        collector.offset = offset
        collectors += collector
        if (phase == SubscriptionPhase.Subscribed && !mustResubscribe) collector.subscribed(Recovery.First, welcome)
        if (presence !== Presence.Empty) collector.offer(presence)
        onChange(this)
    }

    fun remove(collector: CollectorBuffer) {
        if (!collectors.remove(collector)) return
        if (collectors.isEmpty()) {
            retry.reset()
            if (!isUnsubscribed && linger.isPositive()) lingerTimer = scope.launch { awaitLinger() }
        }
        onChange(this)
    }

    private suspend fun awaitLinger() {
        delay(linger)
        lingerTimer = null
        onChange(this)
    }

    /** Resets the state for later collectors. */
    private fun reset() {
        epoch = null
        presence = Presence.Empty
        retry.reset()
    }

    override fun take(): Message? {
        isQueued = false
        if (isSettled) {
            onChange(this) // the subscription may be unused now
            return null
        }
        val isSubscribe = isUnsubscribed
        phase = if (isSubscribe) SubscriptionPhase.Subscribing else SubscriptionPhase.Unsubscribing
        val reply = replies.expect(ReplyListener(isSubscribe))
        pendingReply = reply
        if (!isSubscribe) {
            if (collectors.isEmpty()) reset() // not earlier: a collector may still start and continue
            return Message(MessageType.UNSUBSCRIBE, topic, reply.ref)
        }
        val since = epoch?.let { epoch -> Position(epoch, collectors.minOf { it.offset }) }
        val params = collectors.asReversed().firstNotNullOfOrNull { it.params }
        val data = if (since == null && params == null) null else Body.of(SubscribeData(since, params))
        subscribeSize = data?.size ?: 0
        return Message(MessageType.SUBSCRIBE, topic, reply.ref, data)
    }

    /** Passes [message] to all collectors. Messages before the ack and after the unsubscribe are ignored. */
    fun deliver(message: Message) {
        if (phase != SubscriptionPhase.Subscribed) return
        isWelcomeStale = true
        if (message.type == MessageType.PRESENCE) updatePresence(message)
        val messageOffset = if (epoch == null) null else message.offset
        var isChanged = false
        val failed =
            collectors.filter { collector ->
                val isNew = !collector.isOverflowed && (messageOffset == null || messageOffset > collector.offset)
                if (!isNew || collector.offer(message)) {
                    if (isNew && messageOffset != null) collector.offset = messageOffset
                    false
                } else {
                    isChanged = true
                    collector.isOverflowed = messageOffset != null && collector.overflow == CollectorOverflow.Recover
                    !collector.isOverflowed
                }
            }
        if (messageOffset != null && messageOffset > offset) offset = messageOffset
        failSlow(failed)
        if (isChanged) onChange(this)
    }

    private fun updatePresence(message: Message) {
        presence = presence.afterOrNull(message) ?: return
        collectors.forEach { it.offer(presence) }
    }

    private fun subscribed(ack: Message) {
        retry.reset()
        val data = subscribedData(ack)
        welcome = welcomeOf(ack)
        isWelcomeStale = false
        val isRecovered = data?.recovered == true
        if (!isRecovered) {
            epoch = data?.epoch
            offset = data?.offset ?: 0
            collectors.forEach { it.offset = offset }
        }
        val recovery = if (isRecovered) Recovery.Recovered else Recovery.Gap
        val failed =
            collectors.filter { collector ->
                val isFull = !collector.subscribed(recovery, welcome)
                collector.isOverflowed = isFull && epoch != null && collector.overflow == CollectorOverflow.Recover
                isFull && !collector.isOverflowed
            }
        failSlow(failed)
    }

    private fun failSlow(failed: List<CollectorBuffer>) {
        failed.forEach { it.failSlow() }
        collectors -= failed.toSet()
    }

    /** The connection was lost, and with it the server's state. The collectors stay. */
    fun disconnected() {
        pendingReply?.cancel()
        pendingReply = null
        lingerTimer?.cancel()
        lingerTimer = null
        retry.reset()
        mustResubscribe = false
        phase = SubscriptionPhase.Unsubscribed
    }

    /** Completes all flows, or fails them with the result of [failure]. */
    fun close(failure: () -> LiveException?) {
        disconnected()
        closeCollectors(failure = failure)
    }

    /** If [isTemporary], keeps the collectors that were subscribed before: the client subscribes again for them. */
    private fun closeCollectors(isTemporary: Boolean = false, failure: () -> LiveException?) {
        val closed = collectors.filterNot { isTemporary && it.wasSubscribed }
        collectors -= closed.toSet()
        if (collectors.isEmpty()) reset()
        closed.forEach { it.close(failure()) } // a new exception for each, because a shared one would mix stack traces
    }

    private fun settle(next: SubscriptionPhase) {
        pendingReply?.cancel()
        pendingReply = null
        mustResubscribe = false
        phase = next
        onChange(this)
    }

    /** Handles the reply to one `subscribe` or `unsubscribe`. */
    private inner class ReplyListener(private val isSubscribe: Boolean) : SubscriptionReply.Listener {
        override fun onReply(reply: Message) {
            throttle.accepted()
            if (isSubscribe) subscribed(reply)
            settle(if (isSubscribe) SubscriptionPhase.Subscribed else SubscriptionPhase.Unsubscribed)
        }

        override fun onError(error: LiveException) {
            val isRateLimited = error.code == ErrorCode.RateLimited
            if (isRateLimited) throttle.rejected(this@TopicSubscription, error.retryAfter)
            if (isSubscribe) {
                if (!isRateLimited || !canWait(error.retryAfter)) {
                    closeCollectors(error.code.isWorthRetrying) {
                        LiveException(error.code, error.reason, error.retryAfter)
                    }
                }
                if (isCollected) retry.schedule(error.retryAfter)
            } else if (isRateLimited) {
                retry.schedule(error.retryAfter) // the server did not process the unsubscribe
            }
            val isStillSubscribed = !isSubscribe && isRateLimited
            settle(if (isStillSubscribed) SubscriptionPhase.Unknown else SubscriptionPhase.Unsubscribed)
        }

        override fun onTimeout() {
            val reason = "no reply to 'subscribe' within ${replies.timeout}"
            if (isSubscribe) closeCollectors(isTemporary = true) { LiveException(ErrorCode.Timeout, reason) }
            settle(if (isSubscribe) SubscriptionPhase.Unknown else SubscriptionPhase.Unsubscribed)
        }

        override fun onConnectionLost(wasTooLarge: Boolean) {
            // a subscribe that may have been the message that was too large is not sent again
            if (isSubscribe && wasTooLarge && subscribeSize > MAX_SAFE_SIZE) {
                val reason =
                    "the server closed because of a message that was too large, possibly this 'subscribe' of " +
                        "$subscribeSize bytes"
                closeCollectors { LiveException(ErrorCode.TooLarge, reason) }
            }
            disconnected()
        }

        /** Whether a new collector waits for the retry instead of failing: for at most the reply timeout in total. */
        private fun canWait(retryAfter: Duration?): Boolean =
            retryAfter != null && retry.totalDelay + retryAfter <= replies.timeout
    }

    private companion object {
        /** Bytes that no server rejects as too large: a position in a history and short params. */
        const val MAX_SAFE_SIZE = 1024
    }
}
