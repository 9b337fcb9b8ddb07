package dev.live.client

import dev.live.client.topic.ClientClosedException
import dev.live.client.topic.CollectorOverflow
import dev.live.client.topic.ConnectionLostException
import dev.live.client.topic.MessageConverter
import dev.live.client.topic.Presence
import dev.live.client.topic.PresenceFlow
import dev.live.client.topic.RequestSender
import dev.live.client.topic.Router
import dev.live.client.topic.SlowCollectorException
import dev.live.client.topic.SubscriptionEvent
import dev.live.client.topic.TopicUpdate
import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.SubscribeData
import dev.live.protocol.of
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.flow
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.serializer
import kotlin.time.Duration

/**
 * A topic on the client side. Created by [LiveClient.topic] or [LiveClient.rawTopic]; all instances of one client
 * with the same name share one subscription.
 *
 * @property name the routing key, as the server declares it
 */
public class ClientTopic<T> internal constructor(
    public val name: String,
    private val converter: MessageConverter<T>,
    private val overflow: CollectorOverflow,
    private val onBadPayload: (BadPayloadException) -> Unit,
    private val router: Router,
    private val requestSender: RequestSender,
    private val requestTimeout: Duration,
    private val params: JsonElement? = null,
) {
    init {
        require(name.isNotEmpty()) { "topic must not be empty" }
        Message(MessageType.SUBSCRIBE, name) // validates the name here instead of at the first use
    }

    /**
     * The messages of the topic and the status of the subscription, in order. Emits a [TopicUpdate.Received] for each
     * message. Emits a [TopicUpdate.Subscribed], with the result of the recovery, each time that the server accepts the
     * subscription.
     *
     * Cold: the first collector subscribes, cancelling the last one unsubscribes. The subscription survives reconnects.
     * Payloads are decoded in the collector's coroutine. Each collector has a buffer of 64 updates and never delays the
     * connection or another collector.
     *
     * The flow fails with a [LiveException]:
     * - with the server's code if the server rejects the subscription, at first or after a reconnect, unless the error
     *   is temporary;
     * - with [SlowCollectorException] if the buffer overflows, see [CollectorOverflow];
     * - with [BadPayloadException] if a payload does not match [T], unless `onBadPayload` skips it;
     * - with [ClientClosedException] if the client stops reconnecting.
     *
     * The flow completes when the application closes the client, and immediately if the client is already closed.
     */
    public val updates: Flow<TopicUpdate<T>> =
        router.events(name, overflow, params, converter::accepts) { event ->
            when (event) {
                is SubscriptionEvent.Received -> received(event.message)
                is SubscriptionEvent.Subscribed -> TopicUpdate.Subscribed(event.recovery, event.welcome)
                is SubscriptionEvent.PresenceChanged -> null
            }
        }

    /** The messages of the topic, without the subscription status; otherwise the same as [updates]. */
    public val messages: Flow<T> = flow { updates.collect { if (it is TopicUpdate.Received) emit(it.value) } }

    /** Null if `onBadPayload` skips the message. */
    private fun received(message: Message): TopicUpdate.Received<T>? =
        try {
            TopicUpdate.Received(converter.read(message), message.offset, message.trace)
        } catch (e: BadPayloadException) {
            onBadPayload(e)
            null
        }

    /**
     * The sessions on the topic, if the server declares presence for it: the info of each session, decoded with
     * [serializer].
     *
     * Updated only while it is collected. Collecting subscribes, as with [messages]. During a reconnect it keeps the
     * last known value. Collecting fails like [messages] but never completes: after the client is closed, no more
     * values are emitted, and the application must cancel the collecting coroutine.
     */
    public fun <M> presence(serializer: KSerializer<M>): StateFlow<Presence<M>> =
        PresenceFlow(router.presence(name, params), serializer)

    /** The sessions on the topic; see the other [presence]. */
    public inline fun <reified M> presence(): StateFlow<Presence<M>> = presence(serializer<M>())

    /**
     * The same topic with [value] as its subscribe parameters: the client sends them with each `subscribe`, and the
     * server's `authorize` and `presence` read them as `params`. A subscription has one set of parameters, those of
     * the collector that started last before the `subscribe` was sent.
     *
     * @throws SerializationException if [serializer] cannot encode [value], or the result cannot be sent: it contains
     *   an unpaired surrogate, as `"🌸".take(1)` does, or is nested too deeply
     */
    public fun <P> withParams(serializer: KSerializer<P>, value: P): ClientTopic<T> {
        val params =
            try {
                // parsed from text, which keeps the text of numbers
                Json.parseToJsonElement(Body.of(serializer, value).text).also { Body.of(SubscribeData(params = it)) }
            } catch (e: MalformedMessageException) {
                throw SerializationException("params of topic '$name' cannot be sent: ${e.reason}", e)
            }
        return ClientTopic(name, converter, overflow, onBadPayload, router, requestSender, requestTimeout, params)
    }

    /** The same topic with [value] as its subscribe parameters; see the other [withParams]. */
    public inline fun <reified P> withParams(value: P): ClientTopic<T> = withParams(serializer<P>(), value)

    /**
     * Publishes [value] and returns when the server has acknowledged it. The `ack` confirms that the server accepted
     * the message, not which subscribers received it.
     *
     * Most topics accept messages only from subscribers; without a subscription the server rejects them with
     * [ErrorCode.NotSubscribed]. If a collector starts at the same time, the message may reach the server before the
     * `subscribe`. The client then waits up to 250 ms for the collector and publishes the message once more after the
     * `subscribe`.
     *
     * @param timeout limit for the whole call, including the wait for a connection, positive; null: the client's
     *   `requestTimeout`
     * @throws LiveException with the server's code and reason if the server rejects the message, [ErrorCode.Timeout]
     *   if no `ack` arrives in time; a message that is not sent by then is never sent
     * @throws ConnectionLostException if the connection broke before the `ack`; the message may have been published,
     *   and the client does not publish it again
     * @throws ClientClosedException if the client is closed, by the application or by the server
     * @throws MalformedMessageException if [value] cannot be sent: it contains an unpaired surrogate, as `"🌸".take(1)`
     *   does, or is nested deeper than 512 levels
     * @throws SerializationException if [value] cannot be encoded
     * @throws IllegalArgumentException if [timeout] is not positive
     */
    public suspend fun publish(value: T, timeout: Duration? = null) {
        publish(converter.write(value), timeout)
    }

    /** Publishes [body] unchanged; otherwise the same as the other [publish]. */
    public suspend fun publish(body: Body, timeout: Duration? = null) {
        require(timeout == null || timeout.isPositive()) { "timeout must be positive, was $timeout" }
        var isRetried = false
        requestSender.request(MessageType.PUBLISH, name, body, timeout ?: requestTimeout) { failure ->
            // cannot publish twice: the server did not process the message that it rejected
            !isRetried && precededSubscribe(failure).also { isRetried = it }
        }
    }

    /**
     * Publishes [value] at most once, with retries: if the connection breaks before the `ack`, the client sends the
     * message again on the next connection with the same [key], and the server drops duplicates. Requires a topic that
     * the server declares idempotent; other topics reject a key.
     *
     * Returns and throws like [publish], except for [ConnectionLostException]. It is thrown only if the server closes
     * the connection because a message, possibly this one, is too large (1009). The message is then not sent again.
     *
     * A message that is sent again is queued last and needs space in the outbox again, so later messages may overtake
     * it.
     *
     * @param key identifies this message, such as a generated id, 1 to 63 bytes of UTF-8
     * @throws IllegalArgumentException if [key] is empty or too long, or [timeout] is not positive
     * @throws IllegalStateException if another message with [key] waits for its `ack`
     */
    public suspend fun publishOnce(key: String, value: T, timeout: Duration? = null) {
        publishOnce(key, converter.write(value), timeout)
    }

    /** Publishes [body] unchanged; otherwise the same as the other [publishOnce]. */
    public suspend fun publishOnce(key: String, body: Body, timeout: Duration? = null) {
        require(timeout == null || timeout.isPositive()) { "timeout must be positive, was $timeout" }
        var isRetried = false
        requestSender.requestOnce(key, MessageType.PUBLISH, name, body, timeout ?: requestTimeout) { failure ->
            (failure is ConnectionLostException && !failure.wasTooLarge) ||
                (!isRetried && precededSubscribe(failure).also { isRetried = it })
        }
    }

    /**
     * Whether the message reached the server before the `subscribe` of a collector that exists now or starts shortly.
     */
    private suspend fun precededSubscribe(failure: LiveException): Boolean =
        failure.code == ErrorCode.NotSubscribed && router.awaitCollected(name)

    /**
     * Queues [value] for sending without suspending. Returns false if the outbox is full or other messages already
     * wait for space in it. The client sends the message once, in order with its other messages, unless there is no
     * connection for the `requestTimeout`.
     *
     * @param onFailure called in the client's `context` if the server rejects the message, it was not sent, or it may
     *   not have arrived. Receives the exception that [publish] would throw. Must not block
     * @throws SerializationException if [value] cannot be encoded
     * @throws MalformedMessageException if [value] cannot be sent, see [publish]
     */
    public fun tryPublish(value: T, onFailure: (LiveException) -> Unit = {}): Boolean =
        tryPublish(converter.write(value), onFailure)

    /** Queues [body] unchanged; otherwise the same as the other [tryPublish]. */
    public fun tryPublish(body: Body, onFailure: (LiveException) -> Unit = {}): Boolean =
        requestSender.trySend(MessageType.PUBLISH, name, body, requestTimeout, onFailure)

    override fun toString(): String = "ClientTopic($name)"
}
