package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.SubscribeData
import dev.live.protocol.decode
import dev.live.server.broker.Broker
import dev.live.server.broker.Publication
import dev.live.server.session.Session
import dev.live.server.topic.Member
import kotlinx.serialization.json.JsonElement

/** Subscribe, unsubscribe and publish on the declared topics of one endpoint. */
internal class TopicCommands<Meta : Any>(
    declarations: List<TopicDeclaration<Meta, *>>,
    private val broker: Broker,
    private val maxTopics: Int,
    private val guard: HandlerGuard,
    private val keyOf: (topic: String, body: Body?) -> String?,
) {
    private val mostSpecificFirst = declarations.sortedBy { it.pattern.specificity }

    suspend fun subscribe(session: Session<Meta>, message: Message) {
        val place = find(message.topic)
        val request = if (message.body == null) null else message.decode<SubscribeData>()
        val memberships = session.state.memberships
        if (memberships[message.topic] != null) {
            session.send(ack(message))
            return
        }
        if (memberships.count >= maxTopics) {
            throw LiveException(
                ErrorCode.TooManyTopics,
                "a session may join at most $maxTopics topics; leave one first",
            )
        }
        authorize(session, place, request?.params)
        memberships.join(message.topic, place, ack(message), request?.since, member(session, place, request?.params))
    }

    suspend fun unsubscribe(session: Session<Meta>, message: Message) {
        val wasJoined = session.state.memberships.leave(message.topic, ack(message))
        if (!wasJoined) session.send(ack(message))
    }

    suspend fun publish(session: Session<Meta>, message: Message) {
        publish(session, placeToPublish(session, message.topic), message)
        if (message.ref.isNotEmpty()) session.send(ack(message))
    }

    private suspend fun <T> publish(session: Session<Meta>, place: TopicPlace<Meta, T>, message: Message) {
        val declaration = place.declaration
        val size = message.body?.size ?: 0
        if (size > declaration.maxPayload) {
            val reason = "a payload of this topic must be at most ${declaration.maxPayload} bytes, was $size"
            throw LiveException(ErrorCode.TooLarge, reason)
        }
        val value = declaration.payload.read(message)
        val except = if (declaration.deliverToPublisher) null else session.id
        val deliver: suspend (
            Body?,
        ) -> Unit = { broker.publish(Publication(place.topic, it, except, keyOf(place.topic, it))) }
        val handler = declaration.onPublish
        if (handler == null) {
            deliver(message.body)
        } else {
            guard.handler(session) { PublishScope(session, place, deliver).handler(value) }
        }
    }

    @Suppress("UNCHECKED_CAST") // what subscribe attached
    private suspend fun placeToPublish(session: Session<Meta>, topic: String): TopicPlace<Meta, *> {
        session.state.memberships[topic]?.let { return it.attachment as TopicPlace<Meta, *> }
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

    private fun ack(message: Message) = Message(MessageType.ACK, message.topic, message.ref)
}
