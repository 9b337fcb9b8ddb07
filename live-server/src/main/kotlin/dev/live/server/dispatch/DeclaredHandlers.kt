package dev.live.server.dispatch

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.RefPrefix
import dev.live.protocol.WelcomeData
import dev.live.server.broker.PresenceMember
import dev.live.server.endpoint.IdempotentReplies
import dev.live.server.endpoint.PresenceScope
import dev.live.server.endpoint.PublishScope
import dev.live.server.endpoint.SubscriptionScope
import dev.live.server.endpoint.TopicScope
import dev.live.server.endpoint.TopicSpec
import dev.live.server.observe.inTrace
import dev.live.server.session.HandlerCaller
import dev.live.server.session.Session
import dev.live.server.session.Subscription
import dev.live.server.session.TopicHandlers
import dev.live.server.topic.TopicPattern
import dev.live.server.topic.TopicRegistry
import kotlinx.serialization.json.JsonElement
import org.slf4j.Logger
import org.slf4j.LoggerFactory

/** Calls the handlers that [spec] declares, in the session's coroutine or the caller's and never in the topic's. */
internal class DeclaredHandlers<Meta : Any, T>(
    private val spec: TopicSpec<Meta, T>,
    private val guard: HandlerGuard,
    private val topics: TopicRegistry,
) : TopicHandlers<Meta> {
    override val pattern: TopicPattern get() = spec.pattern

    override val hasUnsubscribeHook: Boolean get() = spec.onUnsubscribe != null

    /** @throws LiveException with `forbidden` if [session] may not subscribe to [topic] */
    suspend fun authorize(session: Session<Meta>, topic: String, params: JsonElement?) {
        val authorize = spec.authorize ?: return
        if (!guard.callHandler(session) { scope(session, topic, params).authorize() }) {
            throw LiveException(ErrorCode.Forbidden, "this session is not authorized for the topic")
        }
    }

    /** The result of `welcome`; null if there is none. */
    suspend fun welcome(session: Session<Meta>, topic: String, params: JsonElement?): JsonElement? {
        val welcome = spec.welcome ?: return null
        return guard.callHandler(session) { WelcomeData(scope(session, topic, params).welcome()) }.welcome
    }

    override suspend fun member(
        session: Session<Meta>,
        topic: String,
        params: JsonElement?,
        caller: HandlerCaller,
    ): PresenceMember? {
        val key = spec.member ?: return null
        val scope = PresenceScope(session, topic, pattern.parametersOf(topic), params)
        if (caller == HandlerCaller.Reader) return guard.callHandler(session) { scope.member(scope.key()) }
        var member: PresenceMember? = null
        guard.run("presence") { member = scope.member(scope.key()) }?.let { throw it }
        return member
    }

    private fun scope(session: Session<Meta>, topic: String, params: JsonElement?) =
        TopicScope(session, topic, pattern.parametersOf(topic), params)

    override suspend fun subscribed(subscription: Subscription<Meta>, welcome: JsonElement?, caller: HandlerCaller) {
        val hook = spec.onSubscribe ?: return
        callHook("onSubscribe", subscription.session, caller) { SubscriptionScope(subscription, welcome).hook() }
    }

    override suspend fun unsubscribed(subscription: Subscription<Meta>, caller: HandlerCaller) {
        val hook = spec.onUnsubscribe ?: return
        callHook("onUnsubscribe", subscription.session, caller) { SubscriptionScope(subscription).hook() }
    }

    private suspend fun callHook(
        name: String,
        session: Session<Meta>,
        caller: HandlerCaller,
        hook: suspend () -> Unit,
    ) {
        val failure =
            when (caller) {
                HandlerCaller.Reader -> guard.isolate(name) { guard.callHandler(session, block = hook) }
                HandlerCaller.Application -> guard.run(name, block = hook)
                HandlerCaller.SessionEnd -> guard.isolate(name) { hook() }
            }
        // No message waits for a reply. Failures with the code `internal` have already been logged with their log id.
        if (failure != null && failure.code != ErrorCode.Internal) log.warn("{} failed: {}.", name, failure.reason)
    }

    override suspend fun publish(session: Session<Meta>, subscription: Subscription<Meta>?, message: Message) {
        if (subscription == null) {
            if (!spec.publishWithoutSubscribing) {
                throw LiveException(ErrorCode.NotSubscribed, "subscribe to the topic before publishing to it")
            }
            authorize(session, message.topic, params = null)
        }
        val size = message.body?.size ?: 0
        if (size > spec.maxPayload) {
            val reason = "a payload of this topic must be at most ${spec.maxPayload} bytes, was $size"
            throw LiveException(ErrorCode.TooLarge, reason)
        }
        val value = spec.payload.read(message)
        val except = if (spec.deliverToPublisher) null else session.id
        val hasKey = message.ref.startsWith(RefPrefix.KEY)
        val onPublish = spec.onPublish
        if (onPublish == null && !hasKey) {
            topics.publish(message.topic, message.body, except, message.trace)
            return
        }
        val publish: suspend (Body?) -> Unit = { topics.publish(message.topic, it, except, message.trace) }
        val handle: suspend () -> Unit = {
            if (onPublish == null) {
                publish(message.body)
            } else {
                val parameters = pattern.parametersOf(message.topic)
                PublishScope(session, message.topic, subscription, parameters, spec.payload, publish).onPublish(value)
            }
        }
        if (hasKey) publishOnce(session, message, handle) else guard.callHandler(session, message.trace, handle)
    }

    /** Calls [handle], or does nothing if the key of [message] was used before. */
    private suspend fun publishOnce(session: Session<Meta>, message: Message, handle: suspend () -> Unit) {
        val replies = spec.idempotentReplies
        if (replies == null || session.user == null) {
            val reason =
                if (replies == null) "the topic does not accept keys" else "a key requires a session with a user"
            throw LiveException(ErrorCode.BadPayload, "$reason. Publish without a key.")
        }
        val server = guard.server ?: error("unreachable: the guard of an endpoint has the server's scope")
        replies.reply(IdempotentReplies.ownerOf(session), message, server) {
            val failure = guard.run(message.type, session) { inTrace(message.trace, handle) }
            IdempotentReplies.Outcome(body = null, failure)
        }
    }

    /** Whether messages of [type] have a handler. */
    fun handles(type: String): Boolean = type in spec.events

    override suspend fun handle(subscription: Subscription<Meta>, message: Message): Boolean {
        val handler = spec.events[message.type] ?: return false
        val session = subscription.session
        guard.callHandler(session, message.trace) {
            handler.handle(SubscriptionScope(subscription), message)?.let { session.send(it) }
            Unit
        }
        return true
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.handler")
    }
}
