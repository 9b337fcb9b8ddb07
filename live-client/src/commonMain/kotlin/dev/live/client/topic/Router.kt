package dev.live.client.topic

import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.mapNotNull
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.serialization.json.JsonElement
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/**
 * Dispatches received messages: replies to their reply handlers, requests to their handlers, messages of topics to
 * their collectors, and all others to the collectors of [unrouted].
 *
 * The flows may be collected in any context; everything else is only used on the client's dispatcher.
 */
internal class Router(
    private val scope: CoroutineScope,
    private val dispatcher: CoroutineContext,
    private val refs: Refs,
    private val outbox: Outbox,
    private val pending: PendingReplies,
    replyTimeout: Duration,
    private val linger: Duration,
    private val requests: RequestHandlers,
) {
    private val replies = SubscriptionReplies(scope, refs, pending, replyTimeout, ::probe) { messagesReceived }
    private val subscriptions = LinkedHashMap<String, TopicSubscription>()
    private val throttle = SubscriptionThrottle(scope, outbox)

    /** Counts the collectors that started, for [awaitCollected]. */
    private val collectorsStarted = MutableStateFlow(0)
    private val unroutedCollectors = ArrayList<CollectorBuffer>()
    private var isConnected = false
    private var messagesReceived = 0L
    private val probePing = ProbePing()
    private var closed: Closed? = null

    init {
        // a publish to a topic follows the topic's subscribe, even if that is throttled; an unsubscribe stays queued
        outbox.prerequisite = { topic -> subscriptions[topic]?.takeIf { it.isUnsubscribed && throttle.bypass(it) } }
    }

    /** The topics with collectors, or with a subscription that is not closed yet. */
    val topics: Set<String> get() = subscriptions.keys

    /**
     * The events of [topic], with the messages that [accepts] selects. Collecting adds a collector to the topic's
     * subscription, cancelling removes it.
     */
    fun events(
        topic: String,
        overflow: CollectorOverflow,
        params: JsonElement?,
        accepts: (Message) -> Boolean,
    ): Flow<SubscriptionEvent> =
        bufferedFlow(
            { CollectorBuffer("topic '$topic'", overflow, params = params, accepts = accepts) },
            { addCollector(topic, it) },
            { removeCollector(topic, it) },
        )

    /** The presence events of [topic]; otherwise the same as [events]. */
    fun presence(topic: String, params: JsonElement?): Flow<SubscriptionEvent> =
        bufferedFlow(
            {
                CollectorBuffer(
                    "presence of '$topic'",
                    CollectorOverflow.DropOldest,
                    acceptsPresence = true,
                    params,
                ) { false }
            },
            { addCollector(topic, it) },
            { removeCollector(topic, it) },
        )

    /** Messages that are neither replies nor requests, and belong to no topic with collectors. */
    fun unrouted(overflow: CollectorOverflow): Flow<Message> =
        bufferedFlow(
            { CollectorBuffer("messages", overflow) { true } },
            { unroutedCollectors += it },
            { unroutedCollectors -= it },
        ).mapNotNull { (it as? SubscriptionEvent.Received)?.message }

    /** Whether [topic] has a collector. The topic's `subscribe` is then sent before later messages to this topic. */
    fun isCollected(topic: String): Boolean = subscriptions[topic]?.isCollected == true

    /**
     * Waits up to 250 ms for a collector of [topic]; returns false if there is none. A collector that was launched
     * before a publish may start after the server's reply to it, if the connection is fast and the CPU is busy.
     */
    suspend fun awaitCollected(topic: String): Boolean =
        withTimeoutOrNull(COLLECTOR_GRACE) { collectorsStarted.first { isCollected(topic) } } != null

    fun route(message: Message) {
        if (pending.complete(message)) return
        if (Refs.isGenerated(message.ref)) return // a reply to a request that was given up
        if (Refs.isServerRequest(message.ref)) return requests.handle(message)
        val subscription = if (message.topic.isEmpty()) null else subscriptions[message.topic]
        when {
            subscription != null && message.type == MessageType.UNSUBSCRIBE -> unsubscribedByServer(subscription)
            subscription != null -> subscription.deliver(message)
            // of a topic that was unsubscribed meanwhile
            message.type == MessageType.MESSAGE || message.type == MessageType.PRESENCE -> Unit
            else -> unroutedCollectors.removeAll { !it.offer(message) }
        }
    }

    /** The server ended [subscription]. Fails its collectors, because no more messages arrive. */
    private fun unsubscribedByServer(subscription: TopicSubscription) {
        if (subscription.isSubscribePending) return // a subscription that the server had made itself; the ack follows
        subscription.close {
            val reason = "the server unsubscribed this client from topic '${subscription.topic}'"
            LiveException(ErrorCode.NotSubscribed, reason)
        }
        onChange(subscription)
    }

    /** Passes [message] to the reply handler of its ref, if there is one. */
    fun routeReply(message: Message) {
        pending.complete(message)
    }

    /** A message arrived from the server. */
    fun received() {
        messagesReceived++
    }

    /**
     * A reply did not arrive in time. Sends a ping to check the connection. The reply may be late only because its
     * handler is slow, so the heartbeat decides whether a silent connection is closed.
     */
    fun probe() {
        if (isConnected && probePing.markQueued()) outbox.addControl(probePing)
    }

    /** A new ref for a request of the connection itself. */
    fun nextRef(): String = refs.next()

    /**
     * The connection is established: subscribes to all collected topics again, at the rate of the server's replies.
     *
     * The first subscribes are sent before all waiting messages. If there are more topics than the throttle allows at
     * once, messages to other topics are sent meanwhile. A message to a topic is never sent before that topic's
     * subscribe.
     */
    fun connected() {
        isConnected = true
        val unsettled = subscriptions.values.filter { !it.isSettled }
        unsettled.forEach { it.isQueued = true }
        throttle.connected(unsettled)
    }

    /**
     * The connection is closed. Unanswered requests fail. Collectors and messages that wait to be sent are kept.
     *
     * @param code the server's close code; null if the server did not close it
     */
    fun disconnected(code: CloseCode? = null) {
        isConnected = false
        outbox.dropControl()
        throttle.disconnected(code)
        probePing.dropped()
        pending.connectionLost(wasTooLarge = code == CloseCode.TooLarge)
        requests.disconnected()
        for (subscription in subscriptions.values.toList()) {
            subscription.isQueued = false
            subscription.disconnected()
            if (subscription.isUnused) subscriptions.remove(subscription.topic)
        }
    }

    /** Ends all current and later flows: with [failure], or normally if it is null. */
    fun close(failure: (() -> LiveException)?) {
        disconnected()
        closed = Closed(failure)
        val open = subscriptions.values.toList()
        subscriptions.clear()
        open.forEach { subscription -> subscription.close { failure?.invoke() } }
        unroutedCollectors.forEach { it.close(failure?.invoke()) }
        unroutedCollectors.clear()
    }

    private fun addCollector(topic: String, collector: CollectorBuffer) {
        val subscription =
            subscriptions.getOrPut(topic) {
                TopicSubscription(topic, scope, replies, throttle, linger, ::onChange)
            }
        subscription.add(collector)
        collectorsStarted.value++
    }

    private fun removeCollector(topic: String, collector: CollectorBuffer) {
        subscriptions[topic]?.remove(collector)
    }

    /** [collector] emptied its buffer after an overflow, so its topic can be subscribed again. */
    private fun onEmptied(collector: CollectorBuffer) {
        subscriptions.values.find { collector in it }?.let(::onChange)
    }

    private fun onChange(subscription: TopicSubscription) {
        if (!subscription.isQueued && !subscription.isReplyPending) throttle.finished(subscription)
        if (subscription.isUnused) {
            if (!subscription.isQueued) subscriptions.remove(subscription.topic)
        } else if (isConnected && !subscription.isSettled && !subscription.isQueued) {
            subscription.isQueued = true
            throttle.add(subscription)
        }
    }

    private fun bufferedFlow(
        create: () -> CollectorBuffer,
        add: (CollectorBuffer) -> Unit,
        remove: (CollectorBuffer) -> Unit,
    ): Flow<SubscriptionEvent> =
        flow {
            val collector = create()
            try {
                withContext(dispatcher) {
                    val ended = closed
                    if (ended == null) add(collector) else collector.close(ended.failure?.invoke())
                }
                for (event in collector.events) {
                    if (collector.isOverflowed && collector.isEmpty) withContext(dispatcher) { onEmptied(collector) }
                    emit(event)
                }
            } finally {
                withContext(NonCancellable + dispatcher) { remove(collector) }
            }
        }

    private class Closed(val failure: (() -> LiveException)?)

    private companion object {
        val COLLECTOR_GRACE = 250.milliseconds
    }
}
