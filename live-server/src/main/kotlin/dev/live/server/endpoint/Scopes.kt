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
 * What a handler of an endpoint has at hand.
 *
 * @property session the session whose message is handled
 */
@KtorDsl
public open class SessionScope<Meta : Any> internal constructor(public val session: Session<Meta>) {
    /** What `authenticate` made of the client. */
    public val meta: Meta get() = session.meta

    /**
     * Refuses what is being handled: the client gets an `error` with [code] and [reason].
     *
     * @param reason one short sentence for the client's developer or user; no secrets
     */
    public fun reject(
        reason: String,
        code: ErrorCode = ErrorCode.BadPayload,
    ): Nothing = throw LiveException(code, reason)
}

/**
 * What a handler of a topic has at hand.
 *
 * @property topic the topic's name
 * @property parameters what the name has for the parameters of the pattern
 * @property params what the client sent along with its `subscribe`, under `params`; null elsewhere, or if it sent none
 * @property welcome in `onSubscribe`, what `welcome` said to this client; null elsewhere, or if it said nothing
 */
public open class TopicScope<Meta : Any> internal constructor(
    session: Session<Meta>,
    public val topic: String,
    public val parameters: TopicParameters,
    public val params: JsonElement? = null,
    public val welcome: JsonElement? = null,
) : SessionScope<Meta>(session) {
    /**
     * [params] as a [P]; null if the client sent none.
     *
     * @throws dev.live.protocol.BadPayloadException if they are no [P], which refuses what is being handled
     */
    public inline fun <reified P : Any> paramsAs(): P? =
        params?.let { Message(MessageType.SUBSCRIBE, body = Body.of(it)).decode<P>() }
}

/** What `onPublish` has at hand. */
public class PublishScope<Meta : Any, T> internal constructor(
    session: Session<Meta>,
    private val place: TopicPlace<Meta, T>,
    private val publish: suspend (Body?) -> Unit,
) : TopicScope<Meta>(session, place.topic, place.parameters) {
    /** Publishes [value] to the topic: to every subscriber, the publisher too unless the topic says otherwise. */
    public suspend fun broadcast(value: T): Unit = publish(place.declaration.payload.write(value))
}
