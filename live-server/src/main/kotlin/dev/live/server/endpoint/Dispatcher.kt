package dev.live.server.endpoint

import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.toMessage
import dev.live.server.limits.InboundLimiter
import dev.live.server.limits.LimitSettings
import dev.live.server.limits.Refusal
import dev.live.server.session.CloseReason
import dev.live.server.session.Session
import dev.live.server.transport.Inbound
import kotlin.time.Duration.Companion.milliseconds

/**
 * Decodes what one session receives, holds it to the limits and hands it to the endpoint's handlers.
 *
 * Only accessed by the session's reader: one message at a time.
 */
internal class Dispatcher<Meta : Any>(
    private val endpoint: LiveEndpoint<Meta>,
    private val topics: TopicCommands<Meta>,
    private val tokens: Tokens<Meta>,
    private val limits: LimitSettings,
    private val guard: HandlerGuard,
    private val now: () -> Long,
) {
    val limiter = InboundLimiter(limits)

    suspend fun dispatch(session: Session<Meta>, data: Inbound.Data) {
        val refusal = limiter.admit(now(), data.size)
        val message =
            try {
                session.codec.decode(data, limits.decode)
            } catch (e: MalformedMessageException) {
                return refuse(session, e)
            }
        if (refusal != null) return tooFast(session, message, refusal)
        val failure = guard.answer(message.type) { handle(session, message) } ?: return
        session.send(failure.toMessage(message.topic, message.ref))
    }

    private suspend fun refuse(session: Session<Meta>, cause: MalformedMessageException) {
        session.send(cause.toMessage())
        if (limiter.isOneBadMessageTooMany(now())) {
            session.close(CloseCode.ProtocolViolated, "${limits.badMessages} bad messages within a minute")
        }
    }

    private suspend fun tooFast(session: Session<Meta>, message: Message, refusal: Refusal) {
        val error = LiveException(ErrorCode.RateLimited, refusal.reason, refusal.retryAfterMillis.milliseconds)
        session.send(error.toMessage(message.topic, message.ref))
        if (refusal.isLast) session.close(CloseCode.TooManyMessages, refusal.reason)
    }

    /** Whether a ping or pong is within the rate; a flood of them ends the session as one of messages does. */
    fun admitsControl(session: Session<Meta>): Boolean {
        val refusal = limiter.admit(now(), size = 0) ?: return true
        if (refusal.isLast) session.close(CloseCode.TooManyMessages, refusal.reason)
        return false
    }

    private suspend fun handle(session: Session<Meta>, message: Message) {
        when (message.type) {
            MessageType.PING -> session.send(Message(MessageType.PONG, ref = message.ref))
            MessageType.PONG -> Unit
            MessageType.AUTH ->
                if (endpoint.authenticateByMessage == null) other(session, message) else tokens.renew(session, message)
            MessageType.SUBSCRIBE, MessageType.UNSUBSCRIBE, MessageType.PUBLISH ->
                if (endpoint.topics.isEmpty()) other(session, message) else command(session, message)
            else -> other(session, message)
        }
    }

    private suspend fun command(session: Session<Meta>, message: Message) {
        when (message.type) {
            MessageType.SUBSCRIBE -> {
                val refusal = limiter.admitSubscribe(now())
                if (refusal == null) topics.subscribe(session, message) else tooFast(session, message, refusal)
            }
            MessageType.UNSUBSCRIBE -> topics.unsubscribe(session, message)
            else -> topics.publish(session, message)
        }
    }

    private suspend fun other(session: Session<Meta>, message: Message) {
        val scope = SessionScope(session)
        val request = endpoint.requests[message.type]
        val raw = endpoint.onMessage
        when {
            request != null -> guard.handler(session) {
                session.send(Message(MessageType.REPLY, message.topic, message.ref, request.answer(scope, message)))
            }
            raw != null -> guard.handler(session) { scope.raw(message) }
            else -> throw LiveException(ErrorCode.UnknownType, "no handler for messages of this type")
        }
    }

    suspend fun opened(session: Session<Meta>): CloseReason? {
        val onOpen = endpoint.onOpen ?: return null
        val failure = guard.run("onOpen") { SessionScope(session).onOpen() } ?: return null
        return CloseReason(CloseCode.Internal, failure.reason, byClient = false)
    }

    suspend fun closed(session: Session<Meta>, reason: CloseReason) {
        val onClose = endpoint.onClose ?: return
        guard.run("onClose") { SessionScope(session).onClose(reason) }
    }
}
