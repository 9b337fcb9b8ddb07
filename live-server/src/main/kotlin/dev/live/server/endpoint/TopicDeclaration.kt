package dev.live.server.endpoint

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.WhileBrokerAway
import dev.live.server.config.atLeast
import dev.live.server.config.checked
import dev.live.server.config.positiveAndFinite
import dev.live.server.topic.DeliverySettings
import dev.live.server.topic.LossyOverflow
import dev.live.server.topic.PresenceSettings
import dev.live.server.topic.TopicPattern
import dev.live.server.topic.TopicPolicy
import io.ktor.utils.io.KtorDsl
import kotlinx.serialization.KSerializer
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.serializer
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/**
 * Declarations of a `topic("pattern") { }` block: access, message handling, history, presence and delivery. One file,
 * because it is one block, and most of it is documentation.
 *
 * @param T type of the topic's payloads
 */
@KtorDsl
public class TopicDeclaration<Meta : Any, T> internal constructor(
    internal val pattern: TopicPattern,
    private val payload: PayloadType<T>,
) {
    private var authorize: (suspend TopicScope<Meta>.() -> Boolean)? = null
    private var onPublish: (suspend PublishScope<Meta, T>.(T) -> Unit)? = null
    private var history: HistoryBounds? = null
    private var presence: PresenceSettings? = null
    private var overflow: LossyOverflow? = null
    private var throttle: Duration? = null
    private var key: ((T) -> String)? = null
    private var idempotencyWindow: Duration? = null
    private var member: (suspend PresenceScope<Meta>.() -> String)? = null
    private var welcome: (suspend TopicScope<Meta>.() -> JsonElement?)? = null
    private var onSubscribe: (suspend SubscriptionScope<Meta>.() -> Unit)? = null
    private var onUnsubscribe: (suspend SubscriptionScope<Meta>.() -> Unit)? = null
    private val events = mutableMapOf<String, EventHandler<Meta, *, *>>()

    /**
     * Largest payload that a client may publish, in bytes, at least 1; larger payloads are rejected with `too_large`.
     * Default: limited only by `limits { maxMessageSize }`.
     */
    public var maxPayload: Int by checked(Int.MAX_VALUE, atLeast(1, "byte"))

    /**
     * Whether a session may publish without a subscription; [authorize] is then called for each publish. Default false.
     */
    public var publishWithoutSubscribing: Boolean = false

    /** Whether a subscribed session also receives the messages that it publishes itself. Default true. */
    public var deliverToPublisher: Boolean = true

    /** How `publish` handles messages while the broker is away. Default: [WhileBrokerAway.Fail] */
    public var whileBrokerAway: WhileBrokerAway = WhileBrokerAway.Fail

    /**
     * Keeps the newest messages of each matching topic, in memory unless the application sets another broker. A client
     * that reconnects receives the messages missed while disconnected, or a gap if they are no longer available. All
     * three limits apply. A history is kept while its topic is unused.
     *
     * @param size maximum number of messages, at least 1
     * @param age maximum age of a message, positive. Default 10 minutes
     * @param bytes maximum total payload in bytes, at least 1. Default 1 MiB
     * @throws IllegalArgumentException if a limit is out of range
     */
    public fun history(
        size: Int,
        age: Duration = DEFAULT_AGE,
        bytes: Int = DEFAULT_BYTES,
    ) {
        check(history == null) { "topic '$pattern' has history twice" }
        history = HistoryBounds(size, age, bytes)
    }

    /**
     * Enables presence: subscribers receive the list of members when they subscribe, and then the members that join and
     * leave. [member] is called after [authorize] and returns the member key of the session, such as a user id.
     * Sessions with the same key form one member, each session with its own [PresenceScope.info].
     *
     * @param grace how long a member stays listed after its connection was lost, so that a reconnect is not visible to
     *   others; zero or more, and finite. Default 5 s
     * @param interval minimum time between two presence updates, finite and at least 1 ms. Default 500 ms
     * @param maxListed number of members above which only the count is sent, at least 0; the count is also sent if the
     *   list would exceed 128 KiB. Default 1,000 members
     * @throws IllegalArgumentException if a value is out of range
     */
    public fun presence(
        grace: Duration = 5.seconds,
        interval: Duration = 500.milliseconds,
        maxListed: Int = DEFAULT_LISTED,
        member: suspend PresenceScope<Meta>.() -> String,
    ) {
        check(this.member == null) { "topic '$pattern' has presence twice" }
        require(grace.isFinite() && !grace.isNegative()) {
            "presence grace must be finite and not negative, was $grace"
        }
        requireMillis("presence interval", interval)
        require(maxListed >= 0) { "presence maxListed must be at least 0 members, was $maxListed" }
        presence = PresenceSettings(grace, interval, maxListed)
        this.member = member
    }

    /**
     * Drops messages of these topics for slow clients: at most the newest [limit] messages per client are queued, at
     * least 1, by default 256. They never close a session, and the client is not notified of dropped messages.
     *
     * @throws IllegalArgumentException if [limit] is less than 1
     */
    public fun dropOldest(limit: Int = DEFAULT_LIMIT) {
        overflow("dropOldest", LossyOverflow.DropOldest(limit))
    }

    /**
     * Queues only the newest message of these topics for a slow client: a newer message replaces the queued one. These
     * messages never close a session.
     */
    public fun conflate() {
        overflow("conflate", LossyOverflow.Conflate(limit = 1))
    }

    /**
     * Like the other [conflate], but a message is replaced only by a newer one with the same [key], such as the symbol
     * of a price. [key] runs in the publisher's thread and must not block; if it throws, the message is not published.
     *
     * @param limit maximum number of keys with a queued message, at least 1; the oldest message is dropped. Default 256
     * @throws IllegalArgumentException if [limit] is less than 1
     */
    public fun conflate(limit: Int = DEFAULT_LIMIT, key: (T) -> String) {
        overflow("conflate", LossyOverflow.Conflate(limit))
        this.key = key
    }

    /**
     * Delivers at most once per [interval], finite and at least 1 ms, to all subscribers: the newest message, or with
     * [conflate] the newest message of each key.
     */
    public fun throttle(interval: Duration) {
        check(throttle == null) { "topic '$pattern' has throttle twice" }
        requireMillis("throttle interval", interval)
        throttle = interval
    }

    /**
     * Allows clients to publish with an idempotency key, so that a publish can be retried safely after a lost
     * connection. The first publish of a user with a key is executed; repeated publishes within [window] are acked and
     * not executed.
     *
     * Keys belong to the user returned by the endpoint's `user`, across all connections to this node. Another node does
     * not know them, and executes the publish again. Sessions without a user cannot use keys. See docs/requests.md for
     * the limits.
     *
     * @param window how long a key is stored, positive and finite. Default 2 minutes
     * @throws IllegalArgumentException if [window] is not positive and finite
     */
    public fun idempotent(window: Duration = DEFAULT_WINDOW) {
        check(idempotencyWindow == null) { "topic '$pattern' has idempotent twice" }
        positiveAndFinite.verify("idempotent", window)
        idempotencyWindow = window
    }

    private fun requireMillis(name: String, value: Duration) {
        require(value.isFinite() && value >= 1.milliseconds) { "$name must be finite and at least 1 ms, was $value" }
    }

    private fun overflow(name: String, chosen: LossyOverflow) {
        check(overflow == null) {
            "topic '$pattern' already has an overflow policy. Use either dropOldest or conflate."
        }
        require(chosen.limit >= 1) { "$name limit must be at least 1, was ${chosen.limit}" }
        overflow = chosen
    }

    /** Authorizes subscribes: false rejects with `forbidden`. By default every authenticated client may subscribe. */
    public fun authorize(block: suspend TopicScope<Meta>.() -> Boolean) {
        check(authorize == null) { "topic '$pattern' has authorize twice" }
        authorize = block
    }

    /**
     * Returns data for each new subscriber, sent in the `ack` of its `subscribe`, such as the current state of the
     * topic's subject. Runs after [authorize], and again if a client repeats a subscribe; null sends no data.
     *
     * It runs before the client is subscribed, so the client does not receive messages published in between. If the
     * data can become outdated, check it again in [onSubscribe], which has access to it, and send the difference.
     */
    public fun welcome(block: suspend TopicScope<Meta>.() -> JsonElement?) {
        check(welcome == null) { "topic '$pattern' has welcome twice" }
        welcome = block
    }

    /**
     * Handles messages published by clients, one message per session at a time. The message is delivered only if
     * [block] calls [PublishScope.broadcast]. Without this handler, payloads that match the topic's type are delivered
     * unchanged.
     */
    public fun onPublish(block: suspend PublishScope<Meta, T>.(T) -> Unit) {
        check(onPublish == null) { "topic '$pattern' has onPublish twice" }
        onPublish = block
    }

    /**
     * Runs after a session has subscribed and its `ack` is queued. Only the next message of the same session waits for
     * it. Exceptions are logged and do not undo the subscription; use [authorize] to reject a subscribe.
     *
     * Coroutines launched in [block] end with the subscription.
     */
    public fun onSubscribe(block: suspend SubscriptionScope<Meta>.() -> Unit) {
        check(onSubscribe == null) { "topic '$pattern' has onSubscribe twice" }
        onSubscribe = block
    }

    /**
     * Runs after a session has unsubscribed or ended. After the end of a session, messages can no longer be sent to it,
     * `onClose` runs later, and the hooks of all its topics share one handler timeout. It also runs for a session that
     * ended before its [onSubscribe] was called.
     */
    public fun onUnsubscribe(block: suspend SubscriptionScope<Meta>.() -> Unit) {
        check(onUnsubscribe == null) { "topic '$pattern' has onUnsubscribe twice" }
        onUnsubscribe = block
    }

    /**
     * Handles messages of [type] that a subscribed client sends to the topic, one message per session at a time. A
     * message with a `ref` receives an `ack` when [handler] has returned. A session that is not subscribed receives the
     * error `not_subscribed`.
     *
     * Messages of other types, and messages to other topics, are handled by the endpoint's `request` and `onMessage`.
     *
     * @throws IllegalArgumentException if [type] is a type of the protocol, or already has a handler
     */
    public inline fun <reified Req> on(
        type: String,
        noinline handler: suspend SubscriptionScope<Meta>.(Req) -> Unit,
    ): Unit = on(type, serializer<Req>(), responseSerializer = null, handler)

    /** Like the other [on], but a message with a `ref` receives the result of [handler] as its `reply`. */
    @JvmName("onRequest") // the other function has the same signature in bytecode
    public inline fun <reified Req, reified Res> on(
        type: String,
        noinline handler: suspend SubscriptionScope<Meta>.(Req) -> Res,
    ): Unit = on(type, serializer<Req>(), serializer<Res>(), handler)

    /** See the other [on]. A null [responseSerializer] sends an `ack` instead of the result. */
    public fun <Req, Res> on(
        type: String,
        requestSerializer: KSerializer<Req>,
        responseSerializer: KSerializer<Res>?,
        handler: suspend SubscriptionScope<Meta>.(Req) -> Res,
    ) {
        require(type !in MessageType.All) { "message type '$type' is reserved by the protocol. Choose another type." }
        Message(type) // checks the rest
        require(type !in events) { "topic '$pattern' has on(\"$type\") twice" }
        events[type] = EventHandler(JsonPayload(requestSerializer), responseSerializer?.let(::JsonPayload), handler)
    }

    internal fun build(): TopicSpec<Meta, T> =
        TopicSpec(
            pattern = pattern,
            payload = payload,
            policy = policy(),
            maxPayload = maxPayload,
            publishWithoutSubscribing = publishWithoutSubscribing,
            deliverToPublisher = deliverToPublisher,
            idempotencyWindow = idempotencyWindow,
            authorize = authorize,
            member = member,
            welcome = welcome,
            onPublish = onPublish,
            onSubscribe = onSubscribe,
            onUnsubscribe = onUnsubscribe,
            events = events.toMap(),
        )

    private fun policy(): TopicPolicy {
        val delivery = if (overflow != null || throttle != null) DeliverySettings(overflow, throttle) else null
        return TopicPolicy(history, presence, delivery, key?.let(payload::keyOf), whileBrokerAway)
    }

    private companion object {
        val DEFAULT_AGE = 10.minutes
        val DEFAULT_WINDOW = 2.minutes
        const val DEFAULT_BYTES = 1024 * 1024
        const val DEFAULT_LISTED = 1_000
        const val DEFAULT_LIMIT = 256
    }
}
