package dev.live.server.endpoint

import dev.live.protocol.Message
import dev.live.server.topic.Delivery
import dev.live.server.topic.HistorySettings
import dev.live.server.topic.LossyOverflow
import dev.live.server.topic.PresenceSettings
import dev.live.server.topic.TopicPolicy
import io.ktor.utils.io.KtorDsl
import kotlinx.serialization.json.JsonElement
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/**
 * What a `topic("pattern") { }` block declares: who may join, and what happens to what clients publish.
 *
 * @param T what the payloads of this topic are
 */
@KtorDsl
public class TopicDeclaration<Meta : Any, T> internal constructor(
    internal val pattern: TopicPattern,
    internal val payload: PayloadType<T>,
) {
    internal var authorize: (suspend TopicScope<Meta>.() -> Boolean)? = null
        private set

    internal var onPublish: (suspend PublishScope<Meta, T>.(T) -> Unit)? = null
        private set

    private var history: HistorySettings? = null

    private var presence: PresenceSettings? = null
    private var overflow: LossyOverflow? = null
    private var throttle: Duration? = null
    private var key: ((T) -> String)? = null

    /** What was published with a key; null if keys mean nothing here. */
    internal var once: IdempotentReplies? = null
        private set

    internal var member: (suspend PresenceScope<Meta>.() -> String)? = null
        private set

    internal var welcome: (suspend TopicScope<Meta>.() -> JsonElement?)? = null
        private set

    internal var onSubscribe: (suspend TopicScope<Meta>.() -> Unit)? = null
        private set

    internal var onUnsubscribe: (suspend TopicScope<Meta>.() -> Unit)? = null
        private set

    /** Largest payload that a client may publish, in bytes, at least 1; larger ones get `too_large`. Default: no limit but the message's. */
    public var maxPayload: Int = Int.MAX_VALUE
        set(value) {
            require(value >= 1) { "maxPayload must be at least 1 byte, was $value" }
            field = value
        }

    /** Whether a session may publish without having joined; [authorize] then decides about each publish. Default false. */
    public var publishWithoutSubscribing: Boolean = false

    /** Whether what a session publishes comes back to it too, if it has joined. Default true. */
    public var deliverToPublisher: Boolean = true

    /**
     * Keeps the newest messages of each such topic in memory, so that a client that was away gets what it missed when it
     * comes back, or is told that it cannot. The least of the three bounds counts; a topic that keeps something stays
     * though nobody uses it.
     *
     * @param size messages, at least 1
     * @param age how long a message is kept, positive
     * @param bytes payload in all, at least 1
     * @throws IllegalArgumentException if one is not
     */
    public fun history(
        size: Int,
        age: Duration = DEFAULT_AGE,
        bytes: Int = DEFAULT_BYTES,
    ) {
        check(history == null) { "topic '$pattern' has history twice" }
        require(size >= 1) { "history size must be at least 1 message, was $size; leave history out to keep none" }
        require(age.isPositive()) { "history age must be positive, was $age; leave history out to keep none" }
        require(bytes >= 1) { "history bytes must be at least 1, was $bytes; leave history out to keep none" }
        history = HistorySettings(size, age, bytes)
    }

    /**
     * Tells subscribers who is there: everybody once they have joined, then who comes and goes. [member] says what a
     * session that joins is to the others, after [authorize]: the key that it returns, such as a user's id; all sessions
     * of one key stand together, each with its [PresenceScope.info].
     *
     * @param grace how long a member whose connection broke counts as there, so that a reconnect goes unnoticed; zero or
     *   more, and finite
     * @param interval the least time between two tellings, finite and at least 1 ms
     * @param maxListed members above which only their number is told, at least 0; so are those whose list would take more
     *   than 128 KiB
     * @throws IllegalArgumentException if one is not
     */
    public fun presence(
        grace: Duration = 5.seconds,
        interval: Duration = 500.milliseconds,
        maxListed: Int = DEFAULT_LISTED,
        member: suspend PresenceScope<Meta>.() -> String,
    ) {
        check(this.member == null) { "topic '$pattern' has presence twice" }
        require(!grace.isNegative() && grace.isFinite()) {
            "presence grace must be finite and not negative, was $grace"
        }
        requireMillis("presence interval", interval)
        require(maxListed >= 0) { "presence maxListed must be at least 0 members, was $maxListed" }
        presence = PresenceSettings(grace, interval, maxListed)
        this.member = member
    }

    /**
     * Lets a slow client miss messages of these topics: of what waits for it only the newest [limit] stay, at least 1. Its
     * session is never closed for them, and nobody tells it what it missed.
     *
     * @throws IllegalArgumentException if [limit] is not at least 1
     */
    public fun dropOldest(limit: Int = DEFAULT_LIMIT) {
        overflow("dropOldest", LossyOverflow.DropOldest(limit))
    }

    /**
     * Lets a slow client miss messages of these topics but the newest: one that waits for it is replaced by the next, so
     * its session is never closed for them.
     */
    public fun conflate() {
        overflow("conflate", LossyOverflow.Conflate(limit = 1))
    }

    /**
     * As the other [conflate], but a message is replaced only by one with the same [key], such as what a price is of. The
     * [key] is asked by whoever publishes, and must not block; if it throws, the message is not published.
     *
     * @param limit keys of which one message may wait each, at least 1; the oldest makes way
     */
    public fun conflate(limit: Int = DEFAULT_LIMIT, key: (T) -> String) {
        overflow("conflate", LossyOverflow.Conflate(limit))
        this.key = key
    }

    /**
     * Delivers at most once in [interval], finite and at least 1 ms, to everybody: then the newest message, or with [conflate] the newest
     * of each key.
     */
    public fun throttle(interval: Duration) {
        check(throttle == null) { "topic '$pattern' has throttle twice" }
        requireMillis("throttle interval", interval)
        throttle = interval
    }

    /**
     * Lets clients publish with a key, so that what may have arrived when a connection broke can be sent again: of a user's
     * publishes with one key the first is carried out, and the others within [window] are acked without it. A key is the
     * user's, as the endpoint's `user` says, on whatever connection to this node; who has none may not use one. See
     * docs/requests.md for the bounds.
     *
     * @param window positive and finite
     * @throws IllegalArgumentException if it is not
     */
    public fun idempotent(window: Duration = DEFAULT_WINDOW) {
        check(once == null) { "topic '$pattern' has idempotent twice" }
        once = IdempotentReplies(window, KeyLimits(keysPerUser = 1_000, keys = 50_000))
    }

    private fun requireMillis(name: String, value: Duration) {
        require(value.isFinite() && value >= 1.milliseconds) { "$name must be finite and at least 1 ms, was $value" }
    }

    private fun overflow(name: String, chosen: LossyOverflow) {
        check(overflow == null) { "topic '$pattern' has $name besides another of dropOldest and conflate: choose one" }
        require(chosen.limit >= 1) { "$name limit must be at least 1, was ${chosen.limit}" }
        overflow = chosen
    }

    internal val policy: TopicPolicy
        get() {
            val isLossy = overflow != null || throttle != null
            val delivery = if (isLossy) Delivery(overflow, throttle) else null
            val keyOf = key?.let { of -> { message: Message -> of(payload.read(message)) } }
            return TopicPolicy(history, presence, delivery, keyOf)
        }

    /** Decides who may join: false answers `forbidden`. Without it, everybody who passed `authenticate` may. */
    public fun authorize(block: suspend TopicScope<Meta>.() -> Boolean) {
        check(authorize == null) { "topic '$pattern' has authorize twice" }
        authorize = block
    }

    /**
     * Says something to each client that joins, in the `ack` of its `subscribe`: such as where the topic's subject stands
     * now. Runs after [authorize], and again when a client subscribes to what it has joined; null says nothing.
     *
     * It runs before the client is in: what is published until then the client does not get. Where that would leave it
     * with something old, look again in [onSubscribe], which knows what was said, and send what is newer.
     */
    public fun welcome(block: suspend TopicScope<Meta>.() -> JsonElement?) {
        check(welcome == null) { "topic '$pattern' has welcome twice" }
        welcome = block
    }

    /**
     * Handles what clients publish, one message of a session at a time. Nothing is delivered unless it calls
     * [PublishScope.broadcast]. Without it, what fits the topic's type is delivered as it came.
     */
    public fun onPublish(block: suspend PublishScope<Meta, T>.(T) -> Unit) {
        check(onPublish == null) { "topic '$pattern' has onPublish twice" }
        onPublish = block
    }

    /**
     * Runs after a session has joined, when its `ack` is on its way. Only that session's next message waits for it. It
     * cannot undo the join, so what it throws is logged; who may join is for [authorize] to say.
     */
    public fun onSubscribe(block: suspend TopicScope<Meta>.() -> Unit) {
        check(onSubscribe == null) { "topic '$pattern' has onSubscribe twice" }
        onSubscribe = block
    }

    /**
     * Runs after a session has left, by its own wish or by its end; then nothing can be sent to it any more, and its
     * `onClose` comes later. All of a session's topics together have the time of one handler. It also runs for a session
     * that ended before its [onSubscribe] could.
     */
    public fun onUnsubscribe(block: suspend TopicScope<Meta>.() -> Unit) {
        check(onUnsubscribe == null) { "topic '$pattern' has onUnsubscribe twice" }
        onUnsubscribe = block
    }

    private companion object {
        val DEFAULT_AGE = 10.minutes
        val DEFAULT_WINDOW = 2.minutes
        const val DEFAULT_BYTES = 1024 * 1024
        const val DEFAULT_LISTED = 1_000
        const val DEFAULT_LIMIT = 256
    }
}

/** A declaration and a topic's name that matches it. */
internal class TopicPlace<Meta : Any, T>(
    val declaration: TopicDeclaration<Meta, T>,
    val topic: String,
    val parameters: TopicParameters,
)
