package dev.live.client.topic

import dev.live.protocol.BadPayloadException
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.UnsubscribeData
import dev.live.protocol.decode
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/**
 * The subscriptions of a client, by topic. Passes events to the [TopicSubscription] of their topic, and then queues
 * that topic's next message, if there is one, in the [SubscriptionThrottle], which passes it on to the [Outbox].
 *
 * Calls only go in this direction. The outbox calls back when it writes an entry ([Outgoing.take]), the server with a
 * reply ([SubscriptionReply.Listener]), and a subscription when a timer has ended. Only used on the client's
 * dispatcher.
 *
 * @param linger how long a subscription is kept after its last collector has gone
 */
internal class Subscriptions(
    private val scope: CoroutineScope,
    outbox: Outbox,
    private val replies: SubscriptionReplies,
    private val linger: Duration,
) {
    private val entries = LinkedHashMap<String, Entry>()
    private val throttle = SubscriptionThrottle(scope, outbox)

    /** Counts the collectors that started, for [awaitCollected]. */
    private val collectorsStarted = MutableStateFlow(0)
    private var isConnected = false

    init {
        // a publish to a topic follows the topic's subscribe, even if that is throttled; an unsubscribe stays queued
        outbox.prerequisite = { topic -> entries[topic]?.takeIf { it.isSubscribe && throttle.bypass(it) } }
    }

    /**
     * Waits up to 250 ms for a collector of [topic]; returns false if there is none. A collector that was launched
     * before a publish may start after the server's reply to it, if the connection is fast and the CPU is busy. The
     * topic's `subscribe` is sent before later messages to this topic.
     */
    suspend fun awaitCollected(topic: String): Boolean =
        withTimeoutOrNull(COLLECTOR_GRACE) {
            collectorsStarted.first { entries[topic]?.subscription?.isCollected == true }
        } != null

    fun addCollector(topic: String, collector: CollectorBuffer) {
        val entry = entries.getOrPut(topic) { Entry(topic) }
        entry.subscription.add(collector)
        update(entry)
        collectorsStarted.value++
    }

    fun removeCollector(topic: String, collector: CollectorBuffer) {
        val entry = entries[topic] ?: return
        entry.subscription.remove(collector)
        update(entry)
    }

    /** [collector] of [topic] emptied its buffer after an overflow, so the topic can be subscribed again. */
    fun onEmptied(topic: String, collector: CollectorBuffer) {
        entries[topic]?.takeIf { collector in it.subscription }?.let(::update)
    }

    /** Passes on a message that is no reply. Returns false if its topic has no subscription. */
    fun deliver(message: Message): Boolean {
        val entry = entries[message.topic] ?: return false
        if (message.type == MessageType.UNSUBSCRIBE) {
            entry.subscription.unsubscribedByServer { unsubscribed(message) }
            update(entry)
        } else if (message.type == MessageType.SUBSCRIBE) {
            entry.subscription.continuedByServer(message)
            update(entry)
        } else if (entry.subscription.deliver(message)) {
            update(entry)
        }
        return true
    }

    private fun unsubscribed(message: Message): LiveException {
        val reason = "the server unsubscribed this client from topic '${message.topic}'"
        val given =
            try {
                message.decode<UnsubscribeData?>()?.reason.orEmpty()
            } catch (_: BadPayloadException) {
                "" // the end of the subscription matters, not the data of another server
            }
        return LiveException(ErrorCode.NotSubscribed, if (given.isEmpty()) reason else "$reason: $given")
    }

    /**
     * The connection is established: subscribes to all collected topics again, at the rate of the server's replies.
     *
     * The first subscribes are sent before all waiting messages. If there are more topics than the throttle allows at
     * once, messages to other topics are sent meanwhile. A message to a topic is never sent before that topic's
     * subscribe.
     */
    fun connected() {
        isConnected = true
        val unsettled = entries.values.filter { !it.subscription.isSettled }
        unsettled.forEach { it.isQueued = true }
        throttle.connected(unsettled)
    }

    /**
     * The connection is closed, and the outbox has dropped its control messages. The collectors stay.
     *
     * @param code the server's close code; null if the server did not close it
     */
    fun disconnected(code: CloseCode?) {
        isConnected = false
        throttle.disconnected(code)
        for (entry in entries.values.toList()) {
            entry.isQueued = false
            entry.subscription.disconnected()
            if (entry.subscription.isUnused) entries.remove(entry.subscription.topic)
        }
    }

    /** Ends all flows: with the result of [failure], or normally if that is null. Called without a connection. */
    fun close(failure: () -> LiveException?) {
        val open = entries.values.toList()
        entries.clear()
        open.forEach { it.subscription.close(failure) }
    }

    /** Called after each event of [entry]. */
    private fun update(entry: Entry) {
        val subscription = entry.subscription
        if (!entry.isQueued && !subscription.isReplyPending) throttle.finished(entry)
        if (subscription.isUnused) {
            if (!entry.isQueued) entries.remove(subscription.topic)
        } else if (isConnected && !subscription.isSettled && !entry.isQueued) {
            entry.isQueued = true
            throttle.add(entry)
        }
    }

    /** A subscription with its place in the queue, and the listener of its replies. */
    private inner class Entry(topic: String) :
        SubscriptionEntry,
        SubscriptionReply.Listener {
        val subscription =
            TopicSubscription(topic, scope, replies.timeout, linger, { replies.expect(this) }, { update(this) })

        /** Whether this entry is in the throttle or in the outbox; it is there at most once. */
        var isQueued = false

        override val isSubscribe: Boolean get() = subscription.isUnsubscribed

        override fun take(): Message? {
            isQueued = false
            val message = subscription.take()
            if (message == null) update(this) // the subscription may be unused now
            return message
        }

        override fun onReply(reply: Message) {
            throttle.accepted()
            subscription.accepted(reply)
            update(this)
        }

        override fun onError(error: LiveException) {
            if (error.code == ErrorCode.RateLimited) throttle.rejected(this, error.retryAfter)
            subscription.rejected(error)
            update(this)
        }

        override fun onTimeout() {
            subscription.timedOut()
            update(this)
        }

        /** The entry is not queued again before [connected]. */
        override fun onConnectionLost(wasTooLarge: Boolean): Unit = subscription.disconnected(wasTooLarge)
    }

    private companion object {
        val COLLECTOR_GRACE = 250.milliseconds
    }
}
