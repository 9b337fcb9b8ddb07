package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.decode
import dev.live.protocol.of
import io.ktor.utils.io.KtorDsl
import kotlinx.serialization.KSerializer

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

    /** Decides who may join: false answers `forbidden`. Without it, everybody who passed `authenticate` may. */
    public fun authorize(block: suspend TopicScope<Meta>.() -> Boolean) {
        check(authorize == null) { "topic '$pattern' has authorize twice" }
        authorize = block
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
}

/** How the payload of a topic or a request is read from a message and written to one. */
internal interface PayloadType<T> {
    /** @throws dev.live.protocol.BadPayloadException if the payload of [message] is not of this type */
    fun read(message: Message): T

    fun write(value: T): Body?
}

/** A payload that is JSON and fits [serializer]. */
internal class JsonPayload<T>(private val serializer: KSerializer<T>) : PayloadType<T> {
    override fun read(message: Message): T = message.decode(serializer)

    override fun write(value: T): Body = Body.of(serializer, value)
}

/** Whatever payload there is, or none. */
internal object RawPayload : PayloadType<Body?> {
    override fun read(message: Message): Body? = message.body

    override fun write(value: Body?): Body? = value
}

/** A declaration and a topic's name that matches it. */
internal class TopicPlace<Meta : Any, T>(
    val declaration: TopicDeclaration<Meta, T>,
    val topic: String,
    val parameters: TopicParameters,
)
