package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.server.session.Session
import io.ktor.utils.io.KtorDsl
import kotlinx.serialization.json.JsonElement

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
 * @property params the `params` of the client's `subscribe`, in `authorize`, `presence` and `welcome`; null in other
 *   handlers, or if the client sent none
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

/** The receiver of `onPublish`. */
public class PublishScope<Meta : Any, T> internal constructor(
    session: Session<Meta>,
    private val match: TopicMatch<Meta, T>,
    private val publish: suspend (Body?) -> Unit,
) : TopicScope<Meta>(session, match.topic, match.parameters) {
    /**
     * Publishes [value] to all subscribers of the topic. The publisher is included unless the topic sets
     * `deliverToPublisher` to false.
     */
    public suspend fun broadcast(value: T): Unit = publish(match.spec.payload.write(value))
}
