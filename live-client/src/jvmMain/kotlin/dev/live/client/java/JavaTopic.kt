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

/** [ClientTopic] for Java. Made by [JavaLiveClient.topic]; any number of these share one subscription. */
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
     * Calls [onMessage] with what is published from now on, one at a time and in order, on the client's executor. The
     * subscription survives reconnects.
     *
     * It ends with a [LiveException] if the server refuses it, a payload is no [T], or [onMessage] is 64 messages
     * behind; with a [RejectedExecutionException][java.util.concurrent.RejectedExecutionException] if the executor does not
     * take it; and with whatever [onMessage] throws. [onFailure] is told; without it the exception goes to the uncaught
     * exception handler of the thread. Closing the client ends it without a word, whenever it began.
     */
    @JvmOverloads
    public fun onMessage(onMessage: Consumer<in T>, onFailure: Consumer<in Exception>? = null): Subscription =
        callbacks.subscribe(messages, onMessage, onFailure)

    /**
     * The same topic, whose callbacks have the server know [value] each time that it is joined, as the client's mapper
     * writes it, or as JSON text where it has none; see [ClientTopic.withParams].
     *
     * @throws IllegalArgumentException if the mapper cannot write it, or what it writes cannot be sent
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
     * Calls [onPresence] with who is on the topic, where the server declares presence, now and whenever that changes. What
     * members say of themselves is as the client's mapper reads it, or text where it has none.
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
     * Publishes [value]. The future completes when the server has acked it, or fails with a [LiveException]: with the
     * server's code, with `timeout`, as [ConnectionLostException] or [ClientClosedException].
     *
     * @param timeout for all of it, the wait for a connection included; null: the client's `requestTimeout`
     * @throws IllegalArgumentException if the mapper cannot write [value], or what it writes cannot be sent
     */
    @JvmOverloads
    public fun publish(value: T, timeout: Duration? = null): CompletableFuture<Void> {
        val body = payloads.write(value)
        return callbacks.call { topic.publish(body, timeout?.toKotlinDuration()) }
    }

    /**
     * Publishes [value] if there is room for it to wait to be sent, and waits for nothing; false if there is none. See
     * [ClientTopic.tryPublish].
     *
     * @param onFailure told on the client's executor if it was refused, was not sent, or may not have arrived; also if the
     *   client is closed before. Where the executor takes no task, on a thread of the library
     */
    @JvmOverloads
    public fun tryPublish(value: T, onFailure: Consumer<in LiveException>? = null): Boolean =
        topic.tryPublish(payloads.write(value)) { failure -> onFailure?.run { callbacks.run { accept(failure) } } }

    /**
     * Publishes [value] once, whatever happens to connections meanwhile: it is sent again with its [key] until it is acked,
     * to a topic that the server declares idempotent. See [ClientTopic.publishOnce].
     */
    @JvmOverloads
    public fun publishOnce(key: String, value: T, timeout: Duration? = null): CompletableFuture<Void> {
        val body = payloads.write(value)
        return callbacks.call { topic.publishOnce(key, body, timeout?.toKotlinDuration()) }
    }

    override fun toString(): String = "JavaTopic($name)"
}
