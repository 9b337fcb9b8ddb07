package dev.live.server.dispatch

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.RefPrefix
import dev.live.server.endpoint.IdempotentReplies
import dev.live.server.endpoint.PublishScope
import dev.live.server.endpoint.TopicSpec
import dev.live.server.observe.inTrace
import dev.live.server.session.Session
import dev.live.server.session.Subscription
import dev.live.server.topic.TopicRegistry

/** Handles the publishes of clients to the topics that [spec] declares: limits, keys, `onPublish` and the broker. */
internal class PublishHandler<Meta : Any, T>(
    private val spec: TopicSpec<Meta, T>,
    private val guard: HandlerGuard,
    private val topics: TopicRegistry,
) {
    /** @param subscription null if [session] is not subscribed to the topic of [message] */
    suspend fun publish(session: Session<Meta>, subscription: Subscription<Meta>?, message: Message) {
        if (message.ref.startsWith(RefPrefix.KEY)) {
            publishOnce(session, subscription, message)
        } else {
            publish(session, subscription, message, isGuarded = false)
        }
    }

    /** Publishes [message], or does nothing if its key was used before. */
    private suspend fun publishOnce(session: Session<Meta>, subscription: Subscription<Meta>?, message: Message) {
        val replies = spec.idempotentReplies
        if (replies == null || session.user == null) {
            val reason =
                if (replies == null) "the topic does not accept keys" else "a key requires a session with a user"
            throw LiveException(ErrorCode.BadPayload, "$reason. Publish without a key.")
        }
        val server = guard.server ?: error("unreachable: the guard of an endpoint has the server's scope")
        replies.reply(IdempotentReplies.ownerOf(session), message, server) {
            val failure = guard.run(message.type, session) { publish(session, subscription, message, isGuarded = true) }
            IdempotentReplies.Outcome(body = null, failure)
        }
    }

    private suspend fun publish(
        session: Session<Meta>,
        subscription: Subscription<Meta>?,
        message: Message,
        isGuarded: Boolean,
    ) {
        val size = message.body?.size ?: 0
        if (size > spec.maxPayload) {
            val reason = "a payload of this topic must be at most ${spec.maxPayload} bytes, was $size"
            throw LiveException(ErrorCode.TooLarge, reason)
        }
        val value = spec.payload.read(message)
        val except = if (spec.deliverToPublisher) null else session.id
        val deliver: suspend (Body?) -> Unit = {
            topics.publish(topics.publication(message.topic, it, except, message.trace))
        }
        val handler = spec.onPublish
        if (handler == null) {
            deliver(message.body)
        } else {
            val handle: suspend () -> Unit = {
                PublishScope(session, message.topic, subscription, spec, deliver).handler(value)
            }
            if (isGuarded) inTrace(message.trace, handle) else guard.callHandler(session, message.trace, handle)
        }
    }
}
