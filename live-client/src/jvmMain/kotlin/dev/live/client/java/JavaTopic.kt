package dev.live.client.java

import dev.live.client.ClientTopic
import dev.live.client.topic.ClientClosedException
import dev.live.client.topic.ConnectionLostException
import dev.live.client.topic.Presence
import dev.live.client.topic.TopicUpdate
import dev.live.protocol.LiveException
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.map
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import java.time.Duration
import java.util.concurrent.CompletableFuture
import java.util.function.Consumer
import kotlin.time.toKotlinDuration

/**
 * [ClientTopic] for Java. Created by [JavaLiveClient.topic]; all instances with the same name share one subscription.
 */
public class JavaTopic<T : Any> internal constructor(
    private val topic: ClientTopic<T>,
    private val payloads: Payloads<T>,
    @get:JvmSynthetic internal val callbacks: Callbacks,
) {
    /** The routing key, as the server declares it. */
    public val name: String get() = topic.name

    @get:JvmSynthetic
    internal val messages: Flow<T> get() = topic.messages

    @get:JvmSynthetic
    internal val updates: Flow<TopicUpdate<T>> get() = topic.updates

    /**
     * Subscribes and calls [onMessage] with each message, one at a time and in order, on the client's executor. The
     * subscription survives reconnects.
     *
     * The subscription ends with an exception:
     * - with a [LiveException] if the server rejects it, a payload does not match [T], or the buffer of 64 messages
     *   overflows on a topic without history;
     * - with a [RejectedExecutionException][java.util.concurrent.RejectedExecutionException] if the executor rejects a
     *   task;
     * - with any exception of [onMessage].
     *
     * [onFailure] receives the exception. Without [onFailure] it goes to the thread's uncaught exception handler.
     * Closing the client ends the subscription without a callback.
     */
    @JvmOverloads
    public fun onMessage(onMessage: Consumer<in T>, onFailure: Consumer<in Exception>? = null): Subscription =
        callbacks.subscribe(messages, onMessage, onFailure)

    /**
     * The same topic with [value] as its subscribe parameters, serialized by the client's mapper, or as JSON text
     * without a mapper; see [ClientTopic.withParams].
     *
     * @throws IllegalArgumentException if the mapper cannot serialize [value], or its output cannot be sent
     */
    public fun withParams(value: Any): JavaTopic<T> {
        val params = Json.parseToJsonElement(payloads.body(value).text)
        return JavaTopic(topic.withParams(params), payloads, callbacks)
    }

    /**
     * Calls [onUpdate] with each message, as [TopicUpdate.Received], and with the status of the subscription: a
     * [TopicUpdate.Subscribed] each time that the server accepts it. Otherwise the same as [onMessage].
     */
    @JvmOverloads
    public fun onUpdate(
        onUpdate: Consumer<in TopicUpdate<@JvmSuppressWildcards T>>,
        onFailure: Consumer<in Exception>? = null,
    ): Subscription = callbacks.subscribe(updates, onUpdate, onFailure)

    /**
     * Calls [onPresence] with the sessions on the topic and on every change, if the server declares presence. The
     * info of each session is deserialized by the client's mapper, or JSON text without a mapper.
     */
    @JvmOverloads
    public fun <M : Any> onPresence(
        type: Class<M>,
        onPresence: Consumer<in Presence<@JvmSuppressWildcards M>>,
        onFailure: Consumer<in Exception>? = null,
    ): Subscription {
        val reader = payloads.of(type)
        val presence = topic.presence<JsonElement>().map { all -> all.mapped { reader.read(it) } }
        return callbacks.subscribe(presence, onPresence, onFailure)
    }

    /**
     * Publishes [value]. The future completes when the server has acknowledged it. It fails with a [LiveException]:
     * with the server's code or `timeout`, or as [ConnectionLostException] or [ClientClosedException].
     *
     * @param timeout limit for the whole call, including the wait for a connection, positive; null: the client's
     *   `requestTimeout`
     * @throws IllegalArgumentException if the mapper cannot serialize [value], or its output cannot be sent
     */
    @JvmOverloads
    public fun publish(value: T, timeout: Duration? = null): CompletableFuture<Void> {
        val body = payloads.write(value)
        return callbacks.call { topic.publish(body, timeout?.toKotlinDuration()) }
    }

    /**
     * Queues [value] for sending without blocking. Returns false if the outbox is full or other messages already wait
     * for space in it. See [ClientTopic.tryPublish].
     *
     * @param onFailure called on the client's executor if the server rejects the message, it was not sent, or it may
     *   not have arrived; also if the client is closed before. Called on a thread of the library if the executor
     *   rejects the task
     */
    @JvmOverloads
    public fun tryPublish(value: T, onFailure: Consumer<in LiveException>? = null): Boolean =
        topic.tryPublish(payloads.write(value)) { failure -> onFailure?.run { callbacks.run { accept(failure) } } }

    /**
     * Publishes [value] at most once, with retries: the client sends it with the idempotency key [key] until the server
     * acknowledges it. Requires a topic that the server declares idempotent. See [ClientTopic.publishOnce].
     *
     * @param key identifies this message, 1 to 63 bytes of UTF-8
     */
    @JvmOverloads
    public fun publishOnce(key: String, value: T, timeout: Duration? = null): CompletableFuture<Void> {
        val body = payloads.write(value)
        return callbacks.call { topic.publishOnce(key, body, timeout?.toKotlinDuration()) }
    }

    override fun toString(): String = "JavaTopic($name)"
}
