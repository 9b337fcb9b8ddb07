package dev.live.server.session

import dev.live.protocol.Message
import dev.live.server.topic.Member
import dev.live.server.topic.TopicPattern
import kotlinx.serialization.json.JsonElement

/**
 * The application's handlers for the topics that one declaration matches.
 *
 * An interface here, because the declarations are in a package above this one. Every suspending function calls
 * application code, so none is called under the session's lock.
 *
 * @property pattern the pattern of the declaration
 * @property hasUnsubscribeHook whether `onUnsubscribe` is declared
 */
internal interface TopicHandlers<Meta : Any> {
    val pattern: TopicPattern
    val hasUnsubscribeHook: Boolean

    /**
     * Returns the presence member of [session] on [topic]; null if the topic declares no presence.
     *
     * @throws dev.live.protocol.LiveException if the application rejects the subscribe, or its code fails
     */
    suspend fun member(session: Session<Meta>, topic: String, params: JsonElement?, caller: HandlerCaller): Member?

    /** Calls `onSubscribe`. Its failures are logged. */
    suspend fun subscribed(subscription: Subscription<Meta>, welcome: JsonElement?, caller: HandlerCaller)

    /** Calls `onUnsubscribe`. Its failures are logged. */
    suspend fun unsubscribed(subscription: Subscription<Meta>, caller: HandlerCaller)

    /** Handles a `publish` of [session]; [subscription] is null if it is not subscribed to the topic. */
    suspend fun publish(session: Session<Meta>, subscription: Subscription<Meta>?, message: Message)

    /** Handles [message] if the declaration has a handler for its type; else returns false. */
    suspend fun handle(subscription: Subscription<Meta>, message: Message): Boolean
}

/** The code that calls a handler. It decides how the handler is limited to the handler timeout. */
internal enum class HandlerCaller {
    /** The session's reader, which reads no message meanwhile. */
    Reader,

    /** A coroutine of the application. */
    Application,

    /** The end of the session. One timeout covers the handlers of all topics. */
    SessionEnd,
}
