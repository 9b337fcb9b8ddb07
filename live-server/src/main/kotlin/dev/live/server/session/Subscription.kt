package dev.live.server.session

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.server.topic.TopicParameters
import io.ktor.util.Attributes
import kotlinx.coroutines.CoroutineScope
import kotlinx.serialization.json.JsonElement
import kotlin.coroutines.CoroutineContext

/**
 * The subscription of one session to one topic, and a coroutine scope.
 *
 * It exists from the `ack` of a subscribe until the client unsubscribes, the server unsubscribes the session, or the
 * session ends. A later subscribe creates another subscription. The handlers of a topic receive it:
 *
 * ```
 * topic<Price>("price/{symbol}") {
 *     onSubscribe {
 *         launch { prices(parameters["symbol"]).collect { push("tick", it) } } // ends with the subscription
 *     }
 * }
 * ```
 *
 * Every function may be called from any thread.
 */
public sealed interface Subscription<Meta : Any> : CoroutineScope {
    /** The subscribed session. */
    public val session: Session<Meta>

    /** The client data of the session. */
    public val meta: Meta get() = session.meta

    /** Name of the topic. */
    public val topic: String

    /** Values of the pattern's parameters in the topic's name. */
    public val parameters: TopicParameters

    /**
     * The `params` of the `subscribe` that created the subscription; null if the client sent none or the server
     * subscribed the session. They stay in memory as long as the subscription.
     */
    public val params: JsonElement?

    /** Values of the application. They are still available in `onUnsubscribe`. */
    public val attributes: Attributes

    /**
     * The context of a child job of the session. The end of the subscription cancels it, before `onUnsubscribe` runs.
     *
     * The first failure of a coroutine in this scope ends the session (1011), like a failure in the session's scope.
     */
    override val coroutineContext: CoroutineContext

    /**
     * Sends [body] to this session only, as a message of this topic with an application-defined [type]. Suspends while
     * the session's queue is full. The message is not part of the topic's history.
     *
     * A message that is pushed while the subscription ends may arrive after its last message; clients drop it.
     *
     * @return false if the subscription or the session has ended; the message is then not sent
     * @throws IllegalArgumentException if [type] is empty, over 64 bytes of UTF-8, not valid Unicode, or reserved by
     *   the protocol
     */
    public suspend fun push(type: String, body: Body?): Boolean

    /**
     * Ends this subscription, like [Session.unsubscribe]. The client is notified by an `unsubscribe` message, and
     * `onUnsubscribe` runs before this returns. A coroutine of the subscription's own scope is cancelled by the call.
     *
     * @param reason a short human-readable sentence for the client, sent in the `unsubscribe`; empty for none
     * @return false if the subscription had already ended
     * @throws dev.live.protocol.LiveException with `timeout` if the change takes longer than a handler timeout
     */
    public suspend fun leave(reason: String = ""): Boolean
}

/** Sends [value] as JSON; see [Subscription.push]. */
public suspend inline fun <reified T> Subscription<*>.push(type: String, value: T): Boolean = push(type, Body.of(value))

/**
 * Decodes [Subscription.params] as [P]; null if there are none.
 *
 * @throws dev.live.protocol.BadPayloadException if they do not match [P]
 */
public inline fun <reified P : Any> Subscription<*>.paramsAs(): P? =
    params?.let { Message(MessageType.SUBSCRIBE, body = Body.of(it)).decode<P>() }
