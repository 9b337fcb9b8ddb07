package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.broker.Broker
import dev.live.server.broker.Publication
import dev.live.server.session.Session
import dev.live.server.session.TopicPlaces

/** Subscribe, unsubscribe and publish on the declared topics of one endpoint. */
internal class TopicCommands<Meta : Any>(
    declarations: List<TopicDeclaration<Meta, *>>,
    private val broker: Broker,
    private val maxTopics: Int,
    private val guard: HandlerGuard,
) : TopicPlaces {
    private val mostSpecificFirst = declarations.sortedBy { it.pattern.specificity }

    suspend fun subscribe(session: Session<Meta>, message: Message) {
        val place = find(message.topic)
        val memberships = session.state.memberships
        if (memberships[message.topic] == null) {
            requireRoom(memberships.count)
            authorize(session, place) // before the turn: it is the application's, and may itself join something
        }
        val isAcked =
            session.state.inTurn {
                if (memberships[message.topic] == null) {
                    requireRoom(memberships.count)
                    memberships.join(message.topic, place, ack(message))
                    true
                } else {
                    session.trySend(ack(message)) // in the turn: before the server can let it leave
                }
            }
        if (!isAcked) session.send(ack(message))
    }

    suspend fun unsubscribe(session: Session<Meta>, message: Message) {
        val isAcked =
            session.state.inTurn {
                session.state.memberships.leave(message.topic, ack(message)) || session.trySend(ack(message))
            }
        if (!isAcked) session.send(ack(message))
    }

    override fun placeFor(topic: String, joined: Int): Any {
        val place = find(topic)
        requireRoom(joined)
        return place
    }

    private fun requireRoom(joined: Int) {
        if (joined < maxTopics) return
        throw LiveException(
            ErrorCode.TooManyTopics,
            "a session may join at most $maxTopics topics; leave one first",
        )
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
        val deliver: suspend (Body?) -> Unit = { broker.publish(Publication(place.topic, it, except)) }
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

    private suspend fun authorize(session: Session<Meta>, place: TopicPlace<Meta, *>) {
        val authorize = place.declaration.authorize ?: return
        if (!guard.handler(session) { TopicScope(session, place.topic, place.parameters).authorize() }) {
            throw LiveException(ErrorCode.Forbidden, "this session may not use the topic")
        }
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
