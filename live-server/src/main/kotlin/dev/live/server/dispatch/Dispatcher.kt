package dev.live.server.dispatch

import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.RefPrefix
import dev.live.protocol.toMessage
import dev.live.server.dialect.ClientCommand
import dev.live.server.endpoint.EndpointSpec
import dev.live.server.endpoint.IdempotentReplies
import dev.live.server.endpoint.RequestHandler
import dev.live.server.endpoint.SessionScope
import dev.live.server.limits.InboundLimiter
import dev.live.server.limits.LimitSettings
import dev.live.server.limits.RateRejection
import dev.live.server.observe.HandlerOutcome
import dev.live.server.observe.ServerCounters
import dev.live.server.observe.inTrace
import dev.live.server.session.CloseReason
import dev.live.server.session.InboundHandler
import dev.live.server.session.Session
import dev.live.server.transport.Inbound
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.nanoseconds

/**
 * Decodes the messages of one session, enforces the rate limits and calls the endpoint's handlers.
 *
 * Only accessed by the session's reader, one message at a time.
 */
internal class Dispatcher<Meta : Any>(
    private val endpoint: EndpointSpec<Meta>,
    private val topics: TopicCommands<Meta>,
    private val tokens: Tokens<Meta>,
    private val limits: LimitSettings,
    private val guard: HandlerGuard,
    private val now: () -> Long,
    private val counters: ServerCounters = ServerCounters(),
) : InboundHandler<Meta> {
    val limiter = InboundLimiter(limits)
    private val hasTopics get() = endpoint.topics.isNotEmpty()
    private val renewsTokens get() = endpoint.authenticateByMessage != null

    override suspend fun handle(session: Session<Meta>, data: Inbound.Data) {
        counters.received(data.size)
        val message =
            try {
                session.dialect.decode(data.bytes, data.isText, limits.decode)
            } catch (e: MalformedMessageException) {
                limiter.admit(now(), data.size)
                return rejectMalformed(session, e)
            }
        // subscribes have their own rate limit, because a reconnecting client resumes all of its topics at once
        val rejection =
            if (message.type == MessageType.SUBSCRIBE && hasTopics) {
                limiter.admitSubscribe(now(), data.size)
            } else {
                limiter.admit(now(), data.size)
            }
        if (rejection != null) return rejectRateLimited(session, message, rejection)
        val start = if (counters.isObserved) System.nanoTime() else 0L
        val interceptor = endpoint.intercept
        val failure =
            guard.isolate(message.type) {
                if (interceptor == null || ClientCommand.isControl(message, renewsTokens)) {
                    route(session, message, guard)
                } else {
                    intercept(session, message, interceptor)
                }
            }
        if (counters.isObserved) {
            counters.handled(
                observedType(message),
                (System.nanoTime() - start).nanoseconds,
                outcomeOf(failure),
            )
        }
        if (failure != null) session.send(failure.toMessage(message.topic, message.ref))
    }

    private suspend fun rejectMalformed(session: Session<Meta>, cause: MalformedMessageException) {
        session.send(cause.toErrorMessage())
        if (limiter.countBadMessage(now())) {
            session.close(CloseCode.ProtocolViolated, "${limits.maxBadMessages} bad messages within a minute")
        }
    }

    private suspend fun rejectRateLimited(session: Session<Meta>, message: Message, rejection: RateRejection) {
        counters.rateLimited(session.id)
        val error = LiveException(ErrorCode.RateLimited, rejection.reason, rejection.retryAfterMillis.milliseconds)
        session.send(error.toMessage(message.topic, message.ref))
        if (rejection.closesSession) session.close(CloseCode.TooManyMessages, rejection.reason)
    }

    /**
     * Whether a ping or pong is within the rate limit. A flood of them closes the session, like a flood of messages.
     */
    override fun admitsControl(session: Session<Meta>): Boolean {
        val rejection = limiter.admit(now(), size = 0) ?: return true
        counters.rateLimited(session.id)
        if (rejection.closesSession) session.close(CloseCode.TooManyMessages, rejection.reason)
        return false
    }

    private suspend fun intercept(
        session: Session<Meta>,
        message: Message,
        interceptor: suspend SessionScope<Meta>.(Message, suspend (Message) -> Unit) -> Unit,
    ) {
        guard.callHandler(session, message.trace) {
            val isDone = AtomicBoolean()
            try {
                SessionScope(session).interceptor(message) { passed ->
                    check(isDone.compareAndSet(false, true)) {
                        "next was called twice, or after the interceptor returned"
                    }
                    route(session, passed, topics.guard)
                }
            } finally {
                isDone.set(true)
            }
        }
    }

    /**
     * Called after the interceptor, which can change the type and the payload of a message.
     *
     * @param renewal guard of a token's renewal, which an interceptor may cause and otherwise does not see
     */
    private suspend fun route(session: Session<Meta>, message: Message, renewal: HandlerGuard) {
        when (val command = ClientCommand.of(message, hasTopics, renewsTokens)) {
            is ClientCommand.Ping -> session.send(Message(MessageType.PONG, ref = command.ref))
            is ClientCommand.Pong -> Unit
            is ClientCommand.Authenticate -> tokens.renew(session, command, renewal)
            is ClientCommand.Reply -> session.handleReply(command.message)
            is ClientCommand.Subscribe -> topics.subscribe(session, command)
            is ClientCommand.Unsubscribe -> topics.unsubscribe(session, command)
            is ClientCommand.Publish -> topics.publish(session, command.message)
            is ClientCommand.Other -> handleOther(session, command.message)
        }
    }

    private suspend fun handleOther(session: Session<Meta>, message: Message) {
        if (message.type in topics.eventTypes && topics.handle(session, message)) return
        val request = endpoint.requests[message.type]
        if (request == null) handleRaw(session, message) else handleRequest(session, request, message)
    }

    private suspend fun handleRaw(session: Session<Meta>, message: Message) {
        val onMessage =
            endpoint.onMessage
                ?: throw LiveException(ErrorCode.UnknownType, "no handler for messages of this type")
        topics.guard.callHandler(session, message.trace) { SessionScope(session).onMessage(message) }
    }

    private suspend fun handleRequest(
        session: Session<Meta>,
        request: RequestHandler<Meta, *, *>,
        message: Message,
    ) {
        val replies = request.replies
        if (replies != null && message.ref.startsWith(RefPrefix.KEY)) {
            reply(session, message, replyOnce(replies, request, session, message))
        } else {
            topics.guard.callHandler(session, message.trace) {
                reply(session, message, request.reply(SessionScope(session), message))
            }
        }
    }

    private suspend fun reply(session: Session<Meta>, request: Message, body: Body?): Boolean =
        session.send(Message(MessageType.REPLY, request.topic, request.ref, body))

    /** The reply of [request] to [message], or the stored reply if the key was used before. */
    private suspend fun replyOnce(
        replies: IdempotentReplies,
        request: RequestHandler<Meta, *, *>,
        session: Session<Meta>,
        message: Message,
    ): Body? {
        val server = guard.server ?: error("unreachable: the guard of an endpoint has the server's scope")
        return replies.reply(IdempotentReplies.ownerOf(session), message, server) {
            var body: Body? = null
            val failure =
                guard.run(message.type, session) {
                    inTrace(message.trace) { body = request.reply(SessionScope(session), message) }
                }
            IdempotentReplies.Outcome(body, failure)
        }
    }

    suspend fun opened(session: Session<Meta>): CloseReason? {
        val onOpen = endpoint.onOpen ?: return null
        val failure = guard.run("onOpen", session) { SessionScope(session).onOpen() } ?: return null
        return CloseReason(CloseCode.Internal, failure.reason, byClient = false)
    }

    suspend fun closed(session: Session<Meta>, reason: CloseReason) {
        if (IdempotentReplies.belongToSession(session)) {
            for (request in endpoint.requests.values) request.replies?.forget(IdempotentReplies.ownerOf(session))
        }
        val onClose = endpoint.onClose ?: return
        guard.run("onClose", session = session) { SessionScope(session).onClose(reason) }
    }

    /** The type of [message] for observers, never a value that a client can choose freely. */
    private fun observedType(message: Message): String {
        val type = message.type
        val isKnown = type in PROTOCOL_TYPES || type in endpoint.requests || type in topics.eventTypes
        return if (isKnown) type else MessageType.MESSAGE
    }

    private fun outcomeOf(failure: LiveException?): HandlerOutcome =
        when (failure?.code) {
            null -> HandlerOutcome.Done
            ErrorCode.Internal -> HandlerOutcome.Failed
            ErrorCode.Timeout -> HandlerOutcome.TimedOut
            else -> HandlerOutcome.Rejected
        }

    private companion object {
        val PROTOCOL_TYPES =
            MessageType.run { setOf(SUBSCRIBE, UNSUBSCRIBE, PUBLISH, AUTH, PING, PONG) }
    }
}
