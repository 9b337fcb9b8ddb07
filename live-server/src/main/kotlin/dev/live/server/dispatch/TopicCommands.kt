package dev.live.server.dispatch

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.RefPrefix
import dev.live.protocol.WelcomeData
import dev.live.protocol.of
import dev.live.server.broker.Broker
import dev.live.server.dialect.ClientCommand
import dev.live.server.endpoint.IdempotentReplies
import dev.live.server.endpoint.PresenceScope
import dev.live.server.endpoint.PublishScope
import dev.live.server.endpoint.TopicMatch
import dev.live.server.endpoint.TopicScope
import dev.live.server.endpoint.TopicSpec
import dev.live.server.observe.inTrace
import dev.live.server.session.EndpointTopics
import dev.live.server.session.Session
import dev.live.server.topic.Member
import dev.live.server.topic.TopicRegistry
import kotlinx.serialization.json.JsonElement

/** Handles subscribe, unsubscribe and publish messages for the declared topics of one endpoint. */
internal class TopicCommands<Meta : Any>(
    specs: List<TopicSpec<Meta, *>>,
    private val broker: Broker,
    private val maxTopics: Int,
    val guard: HandlerGuard,
    private val topics: TopicRegistry,
) : EndpointTopics {
    private val counters = topics.counters
    private val mostSpecificFirst = specs.sortedBy { it.pattern.specificity }
    private val hooks = TopicHooks(specs, guard)

    suspend fun subscribe(session: Session<Meta>, command: ClientCommand.Subscribe) {
        val topic = command.topic
        val match = find(topic)
        val subscriptions = session.state.subscriptions
        var member: Member? = null
        val isNew = subscriptions[topic] == null
        if (isNew) {
            requireCapacity(subscriptions.count)
            // Outside the lock: these call application code, which may itself subscribe the session.
            authorize(session, match, command.params)
            member = member(session, match, command.params)
        }
        var hasSubscribed = false
        var wasUnsubscribed = false
        val welcome = welcome(session, match, command.params)
        val ack = ack(topic, command.ref, welcome)
        val isAcked =
            session.state.withLock {
                if (subscriptions[topic] == null) {
                    wasUnsubscribed = !isNew
                    if (wasUnsubscribed) return@withLock true
                    requireCapacity(subscriptions.count)
                    subscriptions.subscribe(topic, match, ack, command.since, member)
                    hasSubscribed = true
                    true
                } else {
                    // Under the lock, so that the server cannot unsubscribe the session before the ack.
                    subscriptions.resubscribe(topic, ack, command.since) || session.trySend(ack)
                }
            }
        // The server unsubscribed the session in the meantime, so it must be authorized again.
        if (wasUnsubscribed) return subscribe(session, command)
        if (!isAcked) session.send(ack)
        if (!hasSubscribed) return
        counters.sent(messages = 1, bytes = ack.body?.size ?: 0) // the ack, which was delivered through the topic
        hooks.subscribed(session, match, welcome)
    }

    suspend fun unsubscribe(session: Session<Meta>, command: ClientCommand.Unsubscribe) {
        val attachment = session.state.subscriptions[command.topic]?.attachment
        val ack = ack(command.topic, command.ref)
        var hasUnsubscribed = false
        val isAcked =
            session.state.withLock {
                hasUnsubscribed = session.state.subscriptions.unsubscribe(command.topic, ack)
                hasUnsubscribed || session.trySend(ack)
            }
        if (!isAcked) session.send(ack)
        if (!hasUnsubscribed || attachment == null) return
        counters.sent(messages = 1, bytes = 0)
        hooks.unsubscribed(session, matchOf(attachment))
    }

    override fun attachmentFor(topic: String, subscribed: Int): Any {
        val match = find(topic)
        requireCapacity(subscribed)
        return match
    }

    @Suppress("UNCHECKED_CAST") // a session of this endpoint
    override suspend fun member(session: Session<*>, attachment: Any): Member? {
        val match = matchOf<Meta>(attachment)
        val key = match.spec.member ?: return null
        val scope = PresenceScope(session as Session<Meta>, match.topic, match.parameters, params = null)
        var member: Member? = null
        guard.run("presence") { member = scope.member(scope.key()) }?.let { throw it }
        return member
    }

    @Suppress("UNCHECKED_CAST") // a session of this endpoint
    override suspend fun subscribed(session: Session<*>, attachment: Any) =
        hooks.subscribedByServer(session as Session<Meta>, matchOf(attachment))

    @Suppress("UNCHECKED_CAST") // a session of this endpoint
    override suspend fun unsubscribed(session: Session<*>, attachment: Any) =
        hooks.unsubscribedByServer(session as Session<Meta>, matchOf(attachment))

    private fun requireCapacity(subscribed: Int) {
        if (subscribed < maxTopics) return
        throw LiveException(
            ErrorCode.TooManyTopics,
            "a session may subscribe to at most $maxTopics topics. Unsubscribe from one first.",
        )
    }

    /** The subscribed topics of [session] that declare `onUnsubscribe`. */
    fun topicsWithUnsubscribeHook(session: Session<Meta>): List<TopicMatch<Meta, *>> =
        hooks.topicsWithUnsubscribeHook(session)

    /** Calls the `onUnsubscribe` hooks of [topics] after [session] has ended. */
    suspend fun sessionEnded(session: Session<Meta>, topics: List<TopicMatch<Meta, *>>) =
        hooks.sessionEnded(session, topics)

    suspend fun publish(session: Session<Meta>, message: Message) {
        val match = matchForPublish(session, message.topic)
        if (message.ref.startsWith(RefPrefix.KEY)) {
            publishOnce(session, match, message)
        } else {
            publish(session, match, message)
        }
        if (message.ref.isNotEmpty()) session.send(ack(message.topic, message.ref))
    }

    private suspend fun publishOnce(session: Session<Meta>, match: TopicMatch<Meta, *>, message: Message) {
        val replies = match.spec.idempotentReplies
        if (replies == null || session.user == null) {
            val reason =
                if (replies == null) "the topic does not accept keys" else "a key requires a session with a user"
            throw LiveException(ErrorCode.BadPayload, "$reason. Publish without a key.")
        }
        val server = guard.server ?: error("unreachable: the guard of an endpoint has the server's scope")
        replies.reply(IdempotentReplies.ownerOf(session), message, server) {
            val failure = guard.run(message.type, session) { publish(session, match, message, isGuarded = true) }
            IdempotentReplies.Outcome(body = null, failure)
        }
    }

    private suspend fun <T> publish(
        session: Session<Meta>,
        match: TopicMatch<Meta, T>,
        message: Message,
        isGuarded: Boolean = false,
    ) {
        val spec = match.spec
        val size = message.body?.size ?: 0
        if (size > spec.maxPayload) {
            val reason = "a payload of this topic must be at most ${spec.maxPayload} bytes, was $size"
            throw LiveException(ErrorCode.TooLarge, reason)
        }
        val value = spec.payload.read(message)
        val except = if (spec.deliverToPublisher) null else session.id
        val deliver: suspend (Body?) -> Unit = {
            broker.publish(topics.publication(match.topic, it, except, message.trace))
        }
        val handler = spec.onPublish
        if (handler == null) {
            deliver(message.body)
        } else {
            val handle: suspend () -> Unit = { PublishScope(session, match, deliver).handler(value) }
            if (isGuarded) inTrace(message.trace, handle) else guard.callHandler(session, message.trace, handle)
        }
    }

    private suspend fun matchForPublish(session: Session<Meta>, topic: String): TopicMatch<Meta, *> {
        session.state.subscriptions[topic]?.let { return matchOf(it.attachment) }
        val match = find(topic)
        if (!match.spec.publishWithoutSubscribing) {
            throw LiveException(ErrorCode.NotSubscribed, "subscribe to the topic before publishing to it")
        }
        authorize(session, match)
        return match
    }

    private suspend fun authorize(session: Session<Meta>, match: TopicMatch<Meta, *>, params: JsonElement? = null) {
        val authorize = match.spec.authorize ?: return
        if (!guard.callHandler(session) { TopicScope(session, match.topic, match.parameters, params).authorize() }) {
            throw LiveException(ErrorCode.Forbidden, "this session is not authorized for the topic")
        }
    }

    private suspend fun member(session: Session<Meta>, match: TopicMatch<Meta, *>, params: JsonElement?): Member? {
        val key = match.spec.member ?: return null
        val scope = PresenceScope(session, match.topic, match.parameters, params)
        return guard.callHandler(session) { scope.member(scope.key()) }
    }

    private fun find(topic: String): TopicMatch<Meta, *> {
        for (spec in mostSpecificFirst) {
            val parameters = spec.pattern.match(topic) ?: continue
            return TopicMatch(spec, topic, parameters)
        }
        throw LiveException(ErrorCode.UnknownTopic, "no declared topic matches this name")
    }

    private suspend fun welcome(
        session: Session<Meta>,
        match: TopicMatch<Meta, *>,
        params: JsonElement?,
    ): JsonElement? {
        val welcome = match.spec.welcome ?: return null
        return guard.callHandler(session) {
            WelcomeData(TopicScope(session, match.topic, match.parameters, params).welcome())
        }.welcome
    }

    private fun ack(topic: String, ref: String, welcome: JsonElement? = null) =
        Message(MessageType.ACK, topic, ref, welcome?.let { Body.of(WelcomeData(it)) })
}
