package dev.live.client

import dev.live.client.topic.SubscriptionEvent
import dev.live.client.topic.ClientClosedException
import dev.live.client.topic.CollectorOverflow
import dev.live.client.topic.ConnectionLostException
import dev.live.client.topic.RequestSender
import dev.live.client.topic.Presence
import dev.live.client.topic.PresenceFlow
import dev.live.client.topic.Recovery
import dev.live.client.topic.Router
import dev.live.client.topic.SlowCollectorException
import dev.live.client.topic.TopicEvent
import dev.live.client.topic.TopicUpdate
import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.SubscribeData
import dev.live.protocol.decode
import dev.live.protocol.of
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.catch
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.mapNotNull
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.serializer
import kotlin.time.Duration

/**
 * One topic as a client sees it. Made by [LiveClient.topic]; any number of these for one name share its one
 * subscription.
 *
 * @property name the routing key, as the server declares it
 */
public class ClientTopic<T> internal constructor(
    public val name: String,
    private val serializer: KSerializer<T>,
    private val overflow: CollectorOverflow,
    private val onBadPayload: (BadPayloadException) -> Unit,
    private val router: Router,
    private val exchange: RequestSender,
    private val requestTimeout: Duration,
    private val params: JsonElement? = null,
) {
    init {
        require(name.isNotEmpty()) { "topic must not be empty" }
        Message(MessageType.SUBSCRIBE, name) // checks the name here rather than at the first use
    }

    private val arrivals = router.arrivals(name, overflow, params) { it.type == MessageType.MESSAGE }

    /**
     * What is published to the topic, in order. Cold: the first collector subscribes, cancelling the last one
     * unsubscribes, and a subscription survives reconnects. Payloads are decoded by the collector.
     *
     * Each collector has a buffer of 64 messages and never holds up the connection or another collector.
     *
     * The flow fails with a [LiveException]: with the server's code if it refuses the subscription, now or, unless that
     * passes by itself, after a reconnect; [SlowCollectorException] if the collector falls too far behind;
     * [BadPayloadException] for a payload that is no [T], unless `onBadPayload` skips it; [ClientClosedException] if the
     * server has ended the client. It completes when the application closes the client, and at once if it has done so.
     */
    public val messages: Flow<T> =
        flow {
            updates.collect { if (it is TopicUpdate.Received) emit(it.value) }
        }

    /**
     * As [messages], and in its place among them each time that the topic was joined: whether what was published before
     * was recovered from the topic's history, or something may be missing.
     */
    public val updates: Flow<TopicUpdate<T>> = updates { it.decode(serializer) }

    /**
     * What becomes of the subscription, for a screen that shows it: never fails, and completes after
     * [TopicEvent.Denied] or when the client is closed. Collecting subscribes, as it does [messages]. Of events that are
     * not collected in time the newest 64 are kept.
     */
    public val events: Flow<TopicEvent> =
        router.arrivals(name, CollectorOverflow.DropOldest, params) { false }
            .mapNotNull { (it as? SubscriptionEvent.Joined)?.recovery?.event }
            .catch { failure -> if (failure is LiveException) emit(TopicEvent.Denied(failure)) else throw failure }

    private val Recovery.event: TopicEvent
        get() =
            when (this) {
                Recovery.First -> TopicEvent.Subscribed
                Recovery.Recovered -> TopicEvent.Recovered
                Recovery.Gap -> TopicEvent.Gap
            }

    /** The same with payloads that [read] reads. */
    internal fun <S> updates(read: (Message) -> S): Flow<TopicUpdate<S>> = updates(arrivals, read)

    private fun <S> updates(arrivals: Flow<SubscriptionEvent>, read: (Message) -> S): Flow<TopicUpdate<S>> =
        arrivals.mapNotNull { arrival ->
            when (arrival) {
                is SubscriptionEvent.Arrived -> received(arrival.message, read)
                is SubscriptionEvent.Joined -> TopicUpdate.Subscribed(arrival.recovery, arrival.welcome)
                is SubscriptionEvent.Present -> null
            }
        }

    /** Null if it cannot be read and is to be skipped. */
    private fun <S> received(message: Message, read: (Message) -> S): TopicUpdate.Received<S>? =
        try {
            TopicUpdate.Received(read(message), message.offset, message.trace)
        } catch (e: BadPayloadException) {
            onBadPayload(e)
            null
        }

    /**
     * Every message of the topic as it came, the application's own types and `presence` too; otherwise as [messages].
     */
    public val raw: Flow<Message> =
        router.arrivals(name, overflow, params) { true }.mapNotNull { (it as? SubscriptionEvent.Arrived)?.message }

    /** As [raw], and in its place among them each time that the topic was joined, as in [updates]. */
    public val rawUpdates: Flow<TopicUpdate<Message>> =
        updates(router.arrivals(name, overflow, params) { true }) { it }

    /**
     * Who is on the topic, where the server declares presence: what each member says of itself, as [serializer] reads it.
     * Kept up to date while it is collected, which subscribes as collecting [messages] does; through a reconnect it
     * stays as it was last known. Collecting fails as [messages] does, but never completes: when the client is closed
     * no more comes, and what is launched to collect it has to be cancelled.
     */
    public fun <M> presence(serializer: KSerializer<M>): StateFlow<Presence<M>> =
        PresenceFlow(router.presence(name, params), serializer)

    /** See the other [presence]. */
    public inline fun <reified M> presence(): StateFlow<Presence<M>> = presence(serializer<M>())

    /**
     * The same topic, whose collectors have the server know [value] each time that it is joined: its `authorize` and
     * `presence` find that under `params`. One subscription has one value, that of the collector that came last, as of the
     * moment of joining.
     *
     * @throws SerializationException if [serializer] cannot write it, or no message can hold it: it has half of a surrogate
     *   pair, as `"🌸".take(1)` has, or nests too deep
     */
    public fun <P> withParams(serializer: KSerializer<P>, value: P): ClientTopic<T> {
        val params =
            try {
                // by way of its text, which keeps that of numbers
                Json.parseToJsonElement(Body.of(serializer, value).text).also { Body.of(SubscribeData(params = it)) }
            } catch (e: MalformedMessageException) {
                throw SerializationException("params of topic '$name' cannot be sent: ${e.reason}", e)
            }
        return ClientTopic(name, this.serializer, overflow, onBadPayload, router, exchange, requestTimeout, params)
    }

    /** See the other [withParams]. */
    public inline fun <reified P> withParams(value: P): ClientTopic<T> = withParams(serializer<P>(), value)

    /**
     * Publishes [value] and returns when the server has acked it, which says that it was accepted, not who received it.
     *
     * Most topics want their publishers to collect them: without that the server answers [ErrorCode.NotSubscribed]. A
     * collector may begin in the same moment: what is refused for having come before its `subscribe` waits up to a
     * quarter of a second for it, and is published again behind it.
     *
     * @param timeout for all of it, the wait for a connection included; null: the client's `requestTimeout`
     * @throws LiveException with the server's code and reason if it refused, [ErrorCode.Timeout] if it did not answer
     *   in time; what had not been sent by then will not be
     * @throws ConnectionLostException if the connection broke before the ack; it may have been published, and is not
     *   published again
     * @throws ClientClosedException if the client is closed, by the application or by the server
     * @throws MalformedMessageException if no message can hold [value]: it has half of a surrogate pair, as `"🌸".take(1)`
     *   has, or nests too deep
     */
    public suspend fun publish(value: T, timeout: Duration? = null) {
        publish(Body.of(serializer, value), timeout)
    }

    /** Publishes [body] as it is; otherwise as the other [publish]. */
    public suspend fun publish(body: Body, timeout: Duration? = null) {
        require(timeout == null || timeout.isPositive()) { "timeout must be positive, was $timeout" }
        var hasComeAgain = false
        exchange.ask(MessageType.PUBLISH, name, body, timeout ?: requestTimeout) { refused ->
            // nothing is published twice: what was refused was not carried out
            !hasComeAgain && isTooEarly(refused).also { hasComeAgain = it }
        }
    }

    /**
     * Publishes [value] once, whatever happens to connections meanwhile: where one breaks before the ack it is sent again on
     * the next, with its [key], by which the server knows it. For topics that the server declares idempotent; others
     * refuse a key. Returns and throws as the other [publish], but for [ConnectionLostException]: that comes only from a server
     * that closes over a message that is too large (1009), which may be this one and is not sent again. What is sent
     * again goes to the end of what waits and needs room there again, so later messages may overtake it.
     *
     * @param key stands for this one message, such as an id that was made for it, in at most 63 bytes
     * @throws IllegalStateException if another message with [key] waits for its ack
     */
    public suspend fun publishOnce(key: String, value: T, timeout: Duration? = null) {
        publishOnce(key, Body.of(serializer, value), timeout)
    }

    /** Publishes [body] as it is; otherwise as the other [publishOnce]. */
    public suspend fun publishOnce(key: String, body: Body, timeout: Duration? = null) {
        require(timeout == null || timeout.isPositive()) { "timeout must be positive, was $timeout" }
        var hasComeAgain = false
        exchange.askOnce(key, MessageType.PUBLISH, name, body, timeout ?: requestTimeout) { failure ->
            (failure is ConnectionLostException && !failure.wasTooLarge) ||
                (!hasComeAgain && isTooEarly(failure).also { hasComeAgain = it })
        }
    }

    /** Whether it came before the subscribe of its own collector, which is there or comes in a moment. */
    private suspend fun isTooEarly(refused: LiveException): Boolean =
        refused.code == ErrorCode.NotSubscribed && router.awaitCollected(name)

    /**
     * Publishes [value] if there is room for it to wait to be sent, and waits for nothing: false if there is none, or
     * others wait for it. It is sent once, in its place among what this client sends, unless the client has no connection
     * for the `requestTimeout`.
     *
     * @param onFailure called on the client's `context` if the server has refused it, or it was not sent or may not have
     *   arrived: with what [publish] would throw; must not block
     * @throws kotlinx.serialization.SerializationException if [value] cannot be written
     */
    public fun tryPublish(value: T, onFailure: (LiveException) -> Unit = {}): Boolean =
        tryPublish(Body.of(serializer, value), onFailure)

    /** Publishes [body] as it is; otherwise as the other [tryPublish]. */
    public fun tryPublish(body: Body, onFailure: (LiveException) -> Unit = {}): Boolean =
        exchange.tell(MessageType.PUBLISH, name, body, requestTimeout, onFailure)

    override fun toString(): String = "ClientTopic($name)"
}
