package dev.live.server.support

import dev.live.protocol.Message
import dev.live.server.broker.PresenceMember
import dev.live.server.session.HandlerCaller
import dev.live.server.session.Session
import dev.live.server.session.Subscription
import dev.live.server.session.TopicHandlers
import dev.live.server.topic.TopicPattern
import kotlinx.serialization.json.JsonElement

/** The handlers of a topic without presence. [onSubscribe] and [onUnsubscribe] stand for the application's hooks. */
internal class FakeHandlers : TopicHandlers<Unit> {
    var onSubscribe: suspend (Subscription<Unit>) -> Unit = {}
    var onUnsubscribe: suspend (Subscription<Unit>) -> Unit = {}

    override val pattern = TopicPattern("{name}")
    override val hasUnsubscribeHook = true

    override suspend fun member(
        session: Session<Unit>,
        topic: String,
        params: JsonElement?,
        caller: HandlerCaller,
    ): PresenceMember? = null

    override suspend fun subscribed(subscription: Subscription<Unit>, welcome: JsonElement?, caller: HandlerCaller) =
        onSubscribe(subscription)

    override suspend fun unsubscribed(subscription: Subscription<Unit>, caller: HandlerCaller) =
        onUnsubscribe(subscription)

    override suspend fun publish(session: Session<Unit>, subscription: Subscription<Unit>?, message: Message) =
        error("clients do not publish")

    override suspend fun handle(subscription: Subscription<Unit>, message: Message): Boolean = false
}
