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
 * Brings what arrives to who waits for it: answers to their replyHandlers, requests to their handlers, messages of topics to
 * their collectors, the rest to the collectors of [unrouted].
 *
 * Only the flows may be touched from anywhere; everything else is used on the client's dispatcher.
 */
internal class Router(
    private val scope: CoroutineScope,
    private val dispatcher: CoroutineContext,
    private val refs: Refs,
    private val outbox: Outbox,
    private val pending: PendingReplies,
    answerTimeout: Duration,
    private val linger: Duration,
    private val requests: RequestHandlers,
) {
    private val answers = SubscriptionAnswers(scope, refs, pending, answerTimeout, ::suspect) { timesHeard }
    private val subscriptions = LinkedHashMap<String, TopicSubscription>()
    private val pace = SubscriptionPace(scope, outbox)

    /** Counts the joins, for whoever waits for one. */
    private val joins = MutableStateFlow(0)
    private val unroutedMailboxes = ArrayList<CollectorBuffer>()
    private var isConnected = false
    private var timesHeard = 0L
    private val probePing = ProbePing()
    private var end: End? = null

    init {
        // a publish to a topic follows the topic's subscribe, even if that waits in line; an unsubscribe stays in line
        outbox.ahead = { topic -> subscriptions[topic]?.takeIf { it.isOut && pace.overtake(it) } }
    }

    /** The topics that somebody collects. */
    val topics: Set<String> get() = subscriptions.keys

    /** Messages of [topic] that [accepts] takes. Collecting joins its one subscription, cancelling leaves it. */
    fun arrivals(
        topic: String,
        overflow: CollectorOverflow,
        params: JsonElement?,
        accepts: (Message) -> Boolean,
    ): Flow<SubscriptionEvent> =
        mailboxFlow(
            { CollectorBuffer("topic '$topic'", overflow, params = params, accepts = accepts) },
            { join(topic, it) },
            { leave(topic, it) },
        )

    /** Who is on [topic]; otherwise as [arrivals]. */
    fun presence(topic: String, params: JsonElement?): Flow<SubscriptionEvent> =
        mailboxFlow(
            { CollectorBuffer("presence of '$topic'", CollectorOverflow.DropOldest, wantsPresence = true, params) { false } },
            { join(topic, it) },
            { leave(topic, it) },
        )

    /** Messages that answer nothing and are of no topic that is collected. */
    fun unrouted(overflow: CollectorOverflow): Flow<Message> =
        mailboxFlow(
            { CollectorBuffer("messages", overflow) { true } },
            { unroutedMailboxes += it },
            { unroutedMailboxes -= it },
        ).mapNotNull { (it as? SubscriptionEvent.Arrived)?.message }

    /** Whether [topic] has a collector. The topic's `subscribe` is then sent before later messages to this topic. */
    fun isCollected(topic: String): Boolean = subscriptions[topic]?.isCollected == true

    /**
     * Waits a moment until somebody collects [topic]; false if nobody does. A collector that was launched before a
     * publish may begin after the server has answered that, where the connection is fast and the machine busy.
     */
    suspend fun awaitCollected(topic: String): Boolean =
        withTimeoutOrNull(COLLECTOR_GRACE) { joins.first { isCollected(topic) } } != null

    fun route(message: Message) {
        if (pending.answer(message)) return
        if (Refs.isOwn(message.ref)) return // answers something given up since
        if (Refs.isServers(message.ref)) return requests.handle(message)
        val subscription = if (message.topic.isEmpty()) null else subscriptions[message.topic]
        when {
            subscription != null && message.type == MessageType.UNSUBSCRIBE -> takenOut(subscription)
            subscription != null -> subscription.deliver(message)
            // of a topic that was left meanwhile
            message.type == MessageType.MESSAGE || message.type == MessageType.PRESENCE -> Unit
            else -> unroutedMailboxes.removeAll { !it.offer(message) }
        }
    }

    /** The server has ended [subscription]; its collectors are told, for nothing more would come. */
    private fun takenOut(subscription: TopicSubscription) {
        if (subscription.isJoinOpen) return // it had joined the topic itself; the ack that follows counts
        subscription.end {
            LiveException(ErrorCode.NotSubscribed, "the server took this client out of topic '${subscription.topic}'")
        }
        onChange(subscription)
    }

    /** Hands [message] to who waits for its ref, and to nobody else. */
    fun routeAnswer(message: Message) {
        pending.answer(message)
    }

    /** Something came from the server. */
    fun heard() {
        timesHeard++
    }

    /**
     * An answer has not come in time. The server is asked for a word, which it may owe as well to a handler that takes its
     * time: what becomes of a connection that stays silent is for the heartbeat to say.
     */
    fun suspect() {
        if (isConnected && probePing.isNew()) outbox.putOwn(probePing)
    }

    /** A ref for something that the connection itself asks. */
    fun nextRef(): String = refs.next()

    /**
     * The connection is established: subscribes to all collected topics again, at the pace of the server's answers.
     *
     * The first subscribes are sent before all waiting messages. If there are more topics than the pace allows at once,
     * messages to other topics are sent meanwhile. A message to a topic is never sent before that topic's subscribe.
     */
    fun connected() {
        isConnected = true
        val wanted = subscriptions.values.filter { !it.isSettled }
        wanted.forEach { it.isQueued = true }
        pace.connected(wanted)
    }

    /**
     * The connection is gone: what was sent and not answered is lost, collectors and what waits to be sent stay.
     *
     * @param code what the server closed it with; null if it did not
     */
    fun disconnected(code: CloseCode? = null) {
        isConnected = false
        outbox.dropOwn()
        pace.disconnected(code)
        probePing.dropped()
        pending.connectionLost(wasTooLarge = code == CloseCode.TooLarge)
        requests.disconnected()
        for (subscription in subscriptions.values.toList()) {
            subscription.isQueued = false
            subscription.disconnected()
            if (subscription.isForgettable) subscriptions.remove(subscription.topic)
        }
    }

    /** Ends all flows, those of later collectors too, with [failure] or, where it is null, normally. */
    fun end(failure: (() -> LiveException)?) {
        disconnected()
        end = End(failure)
        val ended = subscriptions.values.toList()
        subscriptions.clear()
        ended.forEach { subscription -> subscription.end { failure?.invoke() } }
        unroutedMailboxes.forEach { it.end(failure?.invoke()) }
        unroutedMailboxes.clear()
    }

    private fun join(topic: String, collectorBuffer: CollectorBuffer) {
        val subscription =
            subscriptions.getOrPut(topic) {
                TopicSubscription(topic, scope, answers, pace, linger, ::onChange)
            }
        subscription.add(collectorBuffer)
        joins.value++
    }

    private fun leave(topic: String, collectorBuffer: CollectorBuffer) {
        subscriptions[topic]?.remove(collectorBuffer)
    }

    /** It has room again, and may have waited for that. */
    private fun drained(collectorBuffer: CollectorBuffer) {
        subscriptions.values.find { collectorBuffer in it }?.let(::onChange)
    }

    private fun onChange(subscription: TopicSubscription) {
        if (!subscription.isQueued && !subscription.isAwaiting) pace.finished(subscription)
        if (subscription.isForgettable) {
            if (!subscription.isQueued) subscriptions.remove(subscription.topic)
        } else if (isConnected && !subscription.isSettled && !subscription.isQueued) {
            subscription.isQueued = true
            pace.add(subscription)
        }
    }

    private fun mailboxFlow(
        create: () -> CollectorBuffer,
        join: (CollectorBuffer) -> Unit,
        leave: (CollectorBuffer) -> Unit,
    ): Flow<SubscriptionEvent> =
        flow {
            val collectorBuffer = create()
            try {
                withContext(dispatcher) {
                    val ended = end
                    if (ended == null) join(collectorBuffer) else collectorBuffer.end(ended.failure?.invoke())
                }
                for (arrival in collectorBuffer.arrivals) {
                    if (collectorBuffer.isBehind && collectorBuffer.isDrained) withContext(dispatcher) { drained(collectorBuffer) }
                    emit(arrival)
                }
            } finally {
                withContext(NonCancellable + dispatcher) { leave(collectorBuffer) }
            }
        }

    private class End(val failure: (() -> LiveException)?)

    private companion object {
        val COLLECTOR_GRACE = 250.milliseconds
    }
}
