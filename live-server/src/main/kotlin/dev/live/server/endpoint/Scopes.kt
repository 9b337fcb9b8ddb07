package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.server.session.Session
import dev.live.server.session.Subscription
import dev.live.server.topic.TopicParameters
import io.ktor.util.Attributes
import io.ktor.utils.io.KtorDsl
import kotlinx.coroutines.CoroutineScope
import kotlinx.serialization.json.JsonElement
import kotlin.coroutines.CoroutineContext

/**
 * The receiver of an endpoint's handlers.
 *
 * @property session the session that sent the message
 */
@KtorDsl
public open class SessionScope<Meta : Any> internal constructor(public val session: Session<Meta>) {
    /** The client data returned by `authenticate`. */
    public val meta: Meta get() = session.meta

    /**
     * Rejects the current message: the client receives an `error` with [code] and [reason]. In `onOpen` it closes the
     * session (1011). In `onClose`, `onSubscribe` and `onUnsubscribe` the client receives no error.
     *
     * @param reason one short sentence for the client's developer or user; no secrets
     * @throws LiveException always, with [code] and [reason]
     */
    public fun reject(
        reason: String,
        code: ErrorCode = ErrorCode.BadPayload,
    ): Nothing = throw LiveException(code, reason)
}

/**
 * The receiver of a topic's handlers.
 *
 * @property topic name of the topic
 * @property parameters values of the pattern's parameters in the topic's name
 * @property params the `params` of the client's `subscribe`; null if the client sent none, or the session is not
 *   subscribed
 * @property welcome the result of `welcome` for this client, in `onSubscribe`; null in other handlers, or if there is
 *   none
 */
public open class TopicScope<Meta : Any> internal constructor(
    session: Session<Meta>,
    public val topic: String,
    public val parameters: TopicParameters,
    public val params: JsonElement? = null,
    public val welcome: JsonElement? = null,
) : SessionScope<Meta>(session) {
    /**
     * Decodes [params] as [P]; null if the client sent none.
     *
     * @throws dev.live.protocol.BadPayloadException if they do not match [P]; uncaught, it rejects the current message
     */
    public inline fun <reified P : Any> paramsAs(): P? =
        params?.let { Message(MessageType.SUBSCRIBE, body = Body.of(it)).decode<P>() }
}

/**
 * The receiver of the handlers that run for a subscription: `onSubscribe`, `onUnsubscribe` and `on`.
 *
 * A coroutine scope: coroutines launched here may outlive the handler and end with the [subscription]. In
 * `onUnsubscribe` the scope is already cancelled.
 *
 * @property subscription the subscription of [session] to [topic]
 */
public class SubscriptionScope<Meta : Any> internal constructor(
    public val subscription: Subscription<Meta>,
    welcome: JsonElement? = null,
) : TopicScope<Meta>(
        subscription.session,
        subscription.topic,
        subscription.parameters,
        subscription.params,
        welcome,
    ),
    CoroutineScope {
    override val coroutineContext: CoroutineContext get() = subscription.coroutineContext

    /** Values of the application that end with the subscription. */
    public val attributes: Attributes get() = subscription.attributes

    /** Sends [body] to this session only, as a message of this topic; see [Subscription.push]. */
    public suspend fun push(type: String, body: Body?): Boolean = subscription.push(type, body)

    /** Sends [value] as JSON to this session only, as a message of this topic; see [Subscription.push]. */
    public suspend inline fun <reified T> push(type: String, value: T): Boolean =
        subscription.push(type, Body.of(value))

    /** Ends the subscription; see [Subscription.leave]. */
    public suspend fun leave(reason: String = ""): Boolean = subscription.leave(reason)
}

/**
 * The receiver of `onPublish`.
 *
 * @property subscription the publisher's subscription to [topic]; null if it publishes without one
 */
public class PublishScope<Meta : Any, T> internal constructor(
    session: Session<Meta>,
    topic: String,
    public val subscription: Subscription<Meta>?,
    parameters: TopicParameters,
    private val payload: PayloadType<T>,
    private val publish: suspend (Body?) -> Unit,
) : TopicScope<Meta>(session, topic, parameters, subscription?.params) {
    /**
     * Publishes [value] to all subscribers of the topic, on all nodes. The publisher is included unless the topic sets
     * `deliverToPublisher` to false.
     */
    public suspend fun broadcast(value: T): Unit = publish(payload.write(value))
}
