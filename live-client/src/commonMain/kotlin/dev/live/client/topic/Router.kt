package dev.live.client.topic

import dev.live.protocol.CloseCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.JsonElement
import kotlin.coroutines.CoroutineContext

/**
 * Dispatches received messages: replies to their reply handlers, requests to their handlers, messages of topics to
 * their collectors, and all others to the collectors of [unrouted].
 *
 * The flows may be collected in any context; everything else is only used on the client's dispatcher.
 */
internal class Router(
    private val dispatcher: CoroutineContext,
    private val outbox: Outbox,
    private val pending: PendingReplies,
    private val pings: Pings,
    private val subscriptions: Subscriptions,
    private val requests: RequestHandlers,
) {
    private val unroutedCollectors = ArrayList<CollectorBuffer>()
    private var closed: Closed? = null

    /**
     * The events of [topic], with the messages that [accepts] selects. Collecting adds a collector to the topic's
     * subscription, cancelling removes it.
     *
     * @param convert returns the value to emit for an event, or null for none; called in the collector's coroutine
     */
    fun <T : Any> events(
        topic: String,
        overflow: CollectorOverflow,
        params: JsonElement?,
        accepts: (Message) -> Boolean,
        convert: (SubscriptionEvent) -> T?,
    ): Flow<T> =
        topicFlow(topic, { CollectorBuffer("topic '$topic'", overflow, params = params, accepts = accepts) }, convert)

    /** The presence of [topic]; otherwise the same as [events]. */
    fun presence(topic: String, params: JsonElement?): Flow<Presence<JsonElement>> =
        topicFlow(
            topic,
            create = {
                CollectorBuffer(
                    "presence of '$topic'",
                    CollectorOverflow.DropOldest,
                    acceptsPresence = true,
                    params,
                ) { false }
            },
            convert = { (it as? SubscriptionEvent.PresenceChanged)?.presence },
        )

    /** Messages that are neither replies nor requests, and belong to no topic with collectors. */
    fun unrouted(overflow: CollectorOverflow): Flow<Message> =
        bufferedFlow(
            create = { CollectorBuffer("messages", overflow) { true } },
            add = { unroutedCollectors += it },
            remove = { unroutedCollectors -= it },
            convert = { (it as? SubscriptionEvent.Received)?.message },
        )

    /** Waits up to 250 ms for a collector of [topic]; see [Subscriptions.awaitCollected]. */
    suspend fun awaitCollected(topic: String): Boolean = subscriptions.awaitCollected(topic)

    fun route(message: Message) {
        if (pending.complete(message)) return
        if (Refs.isGenerated(message.ref)) return // a reply to a request that was given up
        if (Refs.isServerRequest(message.ref)) return requests.handle(message)
        if (message.topic.isNotEmpty() && subscriptions.deliver(message)) return
        // of a topic that was unsubscribed meanwhile
        if (message.type == MessageType.MESSAGE || message.type == MessageType.PRESENCE) return
        unroutedCollectors.removeAll { !it.offer(message) }
    }

    /** Passes [message] to the reply handler of its ref, if there is one. */
    fun routeReply(message: Message) {
        pending.complete(message)
    }

    /** The connection is established: subscribes to all collected topics again, see [Subscriptions.connected]. */
    fun connected() {
        pings.connected()
        subscriptions.connected()
    }

    /**
     * The connection is closed. Unanswered requests fail. Collectors and messages that wait to be sent are kept.
     *
     * @param code the server's close code; null if the server did not close it
     */
    fun disconnected(code: CloseCode? = null) {
        outbox.dropControl()
        pings.disconnected()
        pending.connectionLost(wasTooLarge = code == CloseCode.TooLarge)
        requests.disconnected()
        subscriptions.disconnected(code)
    }

    /** Ends all current and later flows: with [failure], or normally if it is null. */
    fun close(failure: (() -> LiveException)?) {
        disconnected()
        closed = Closed(failure)
        subscriptions.close { failure?.invoke() }
        unroutedCollectors.forEach { it.close(failure?.invoke()) }
        unroutedCollectors.clear()
    }

    private fun <T : Any> topicFlow(
        topic: String,
        create: () -> CollectorBuffer,
        convert: (SubscriptionEvent) -> T?,
    ): Flow<T> =
        bufferedFlow(
            create,
            add = { subscriptions.addCollector(topic, it) },
            remove = { subscriptions.removeCollector(topic, it) },
            convert,
            onEmptied = { subscriptions.onEmptied(topic, it) },
        )

    /**
     * Converts in this flow, because each flow operator would allocate an object per event.
     *
     * @param onEmptied called when a collector has emptied its buffer after an overflow
     */
    private fun <T : Any> bufferedFlow(
        create: () -> CollectorBuffer,
        add: (CollectorBuffer) -> Unit,
        remove: (CollectorBuffer) -> Unit,
        convert: (SubscriptionEvent) -> T?,
        onEmptied: (CollectorBuffer) -> Unit = {},
    ): Flow<T> =
        flow {
            val collector = create()
            try {
                withContext(dispatcher) {
                    val ended = closed
                    if (ended == null) add(collector) else collector.close(ended.failure?.invoke())
                }
                for (event in collector.events) {
                    if (collector.isOverflowed && collector.isEmpty) withContext(dispatcher) { onEmptied(collector) }
                    convert(event)?.let { emit(it) }
                }
            } finally {
                withContext(NonCancellable + dispatcher) { remove(collector) }
            }
        }

    private class Closed(val failure: (() -> LiveException)?)
}
