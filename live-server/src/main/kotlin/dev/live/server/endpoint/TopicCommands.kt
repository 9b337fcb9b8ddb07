package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.RefPrefix
import dev.live.protocol.SubscribeData
import dev.live.protocol.WelcomeData
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.server.broker.Broker
import dev.live.server.observe.inTrace
import dev.live.server.session.Session
import dev.live.server.session.TopicPlaces
import dev.live.server.topic.Member
import dev.live.server.topic.TopicRegistry
import kotlinx.serialization.json.JsonElement

/** Subscribe, unsubscribe and publish on the declared topics of one endpoint. */
internal class TopicCommands<Meta : Any>(
    declarations: List<TopicDeclaration<Meta, *>>,
    private val broker: Broker,
    private val maxTopics: Int,
    val guard: HandlerGuard,
    private val topics: TopicRegistry,
) : TopicPlaces {
    private val counters = topics.counters
    private val mostSpecificFirst = declarations.sortedBy { it.pattern.specificity }
    private val hooks = TopicHooks(declarations, guard)

    suspend fun subscribe(session: Session<Meta>, message: Message) {
        val place = find(message.topic)
        val request = message.decode<SubscribeData?>()
        val memberships = session.state.memberships
        var member: Member? = null
        val isAsked = memberships[message.topic] == null
        if (isAsked) {
            requireRoom(memberships.count)
            // before the turn: they are the application's, and may themselves join something
            authorize(session, place, request?.params)
            member = member(session, place, request?.params)
        }
        var hasJoined = false
        var wasTakenOut = false
        val welcome = welcome(session, place, request?.params)
        val ack = ack(message, welcome)
        val isAcked =
            session.state.inTurn {
                if (memberships[message.topic] == null) {
                    wasTakenOut = !isAsked
                    if (wasTakenOut) return@inTurn true
                    requireRoom(memberships.count)
                    memberships.join(message.topic, place, ack, request?.since, member)
                    hasJoined = true
                    true
                } else {
                    // in the turn: before the server can let it leave
                    memberships.joinAgain(message.topic, ack, request?.since) || session.trySend(ack)
                }
            }
        if (wasTakenOut) return subscribe(session, message) // meanwhile: whether it may be in is a question again
        if (!isAcked) session.send(ack)
        if (!hasJoined) return
        counters.sent(messages = 1, bytes = ack.body?.size ?: 0) // that ack, which went through the topic
        hooks.joined(session, place, welcome)
    }

    suspend fun unsubscribe(session: Session<Meta>, message: Message) {
        val place = session.state.memberships[message.topic]?.attachment
        var hasLeft = false
        val isAcked =
            session.state.inTurn {
                hasLeft = session.state.memberships.leave(message.topic, ack(message))
                hasLeft || session.trySend(ack(message))
            }
        if (!isAcked) session.send(ack(message))
        if (!hasLeft || place == null) return
        counters.sent(messages = 1, bytes = 0)
        hooks.left(session, placeOf(place))
    }

    override fun placeFor(topic: String, joined: Int): Any {
        val place = find(topic)
        requireRoom(joined)
        return place
    }

    @Suppress("UNCHECKED_CAST") // of this endpoint
    override suspend fun member(session: Session<*>, place: Any): Member? {
        val found = placeOf<Meta>(place)
        val key = found.declaration.member ?: return null
        val scope = PresenceScope(session as Session<Meta>, found.topic, found.parameters, params = null)
        var member: Member? = null
        guard.run("presence") { member = scope.member(scope.key()) }?.let { throw it }
        return member
    }

    @Suppress("UNCHECKED_CAST") // of this endpoint
    override suspend fun joined(session: Session<*>, place: Any) =
        hooks.joinedByServer(session as Session<Meta>, placeOf(place))

    @Suppress("UNCHECKED_CAST") // of this endpoint
    override suspend fun left(session: Session<*>, place: Any) =
        hooks.leftByServer(session as Session<Meta>, placeOf(place))

    private fun requireRoom(joined: Int) {
        if (joined < maxTopics) return
        throw LiveException(
            ErrorCode.TooManyTopics,
            "a session may join at most $maxTopics topics; leave one first",
        )
    }

    /** The places that [session] has, as far as anybody wants to be told when it leaves them. */
    fun placesToLeave(session: Session<Meta>): List<TopicPlace<Meta, *>> = hooks.placesToLeave(session)

    /** Tells of [places] that [session], which has ended, has left. */
    suspend fun left(session: Session<Meta>, places: List<TopicPlace<Meta, *>>) = hooks.left(session, places)

    suspend fun publish(session: Session<Meta>, message: Message) {
        val place = placeToPublish(session, message.topic)
        if (message.ref.startsWith(RefPrefix.KEY)) once(session, place, message) else publish(session, place, message)
        if (message.ref.isNotEmpty()) session.send(ack(message))
    }

    private suspend fun once(session: Session<Meta>, place: TopicPlace<Meta, *>, message: Message) {
        val known = place.declaration.once
        if (known == null || session.user == null) {
            val reason = if (known ==
                null
            ) {
                "the topic takes no keys"
            } else {
                "a key is a user's, and this session has none"
            }
            throw LiveException(ErrorCode.BadPayload, "$reason; publish without one")
        }
        val server = guard.server ?: error("unreachable: an endpoint's guard knows the server's scope")
        known.reply(IdempotentReplies.ownerOf(session), message, server) {
            val failure = guard.run(message.type, session) { publish(session, place, message, isGuarded = true) }
            IdempotentReplies.Outcome(body = null, failure)
        }
    }

    private suspend fun <T> publish(
        session: Session<Meta>,
        place: TopicPlace<Meta, T>,
        message: Message,
        isGuarded: Boolean = false,
    ) {
        val declaration = place.declaration
        val size = message.body?.size ?: 0
        if (size > declaration.maxPayload) {
            val reason = "a payload of this topic must be at most ${declaration.maxPayload} bytes, was $size"
            throw LiveException(ErrorCode.TooLarge, reason)
        }
        val value = declaration.payload.read(message)
        val except = if (declaration.deliverToPublisher) null else session.id
        val deliver: suspend (Body?) -> Unit = {
            broker.publish(topics.publication(place.topic, it, except, message.trace))
        }
        val handler = declaration.onPublish
        if (handler == null) {
            deliver(message.body)
        } else {
            val handle: suspend () -> Unit = { PublishScope(session, place, deliver).handler(value) }
            if (isGuarded) inTrace(message.trace, handle) else guard.handler(session, message.trace, handle)
        }
    }

    private suspend fun placeToPublish(session: Session<Meta>, topic: String): TopicPlace<Meta, *> {
        session.state.memberships[topic]?.let { return placeOf(it.attachment) }
        val place = find(topic)
        if (!place.declaration.publishWithoutSubscribing) {
            throw LiveException(ErrorCode.NotSubscribed, "subscribe to the topic before publishing to it")
        }
        authorize(session, place)
        return place
    }

    private suspend fun authorize(session: Session<Meta>, place: TopicPlace<Meta, *>, params: JsonElement? = null) {
        val authorize = place.declaration.authorize ?: return
        if (!guard.handler(session) { TopicScope(session, place.topic, place.parameters, params).authorize() }) {
            throw LiveException(ErrorCode.Forbidden, "this session may not use the topic")
        }
    }

    private suspend fun member(session: Session<Meta>, place: TopicPlace<Meta, *>, params: JsonElement?): Member? {
        val key = place.declaration.member ?: return null
        val scope = PresenceScope(session, place.topic, place.parameters, params)
        return guard.handler(session) { scope.member(scope.key()) }
    }

    private fun find(topic: String): TopicPlace<Meta, *> {
        for (declaration in mostSpecificFirst) {
            val parameters = declaration.pattern.match(topic) ?: continue
            return TopicPlace(declaration, topic, parameters)
        }
        throw LiveException(ErrorCode.UnknownTopic, "no topic is declared that matches this name")
    }

    private suspend fun welcome(
        session: Session<Meta>,
        place: TopicPlace<Meta, *>,
        params: JsonElement?,
    ): JsonElement? {
        val welcome = place.declaration.welcome ?: return null
        return guard.handler(session) {
            WelcomeData(TopicScope(session, place.topic, place.parameters, params).welcome())
        }.welcome
    }

    private fun ack(message: Message, welcome: JsonElement? = null) =
        Message(MessageType.ACK, message.topic, message.ref, welcome?.let { Body.of(WelcomeData(it)) })
}
