package dev.live.server.operate

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.server.broker.Publication
import dev.live.server.endpoint.DeclaredTopics
import dev.live.server.http.EndpointContext
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

/**
 * Publishes untyped payloads to declared topics. A payload must match the payload type of the topic.
 */
internal class DeclaredPublisher(private val context: EndpointContext, private val declared: DeclaredTopics) {
    /** @throws LiveException if [body] cannot be published to [topic], with a reason for the client */
    fun check(topic: String, body: Body?) {
        val message =
            try {
                require(topic.isNotEmpty()) { "topic must not be empty" }
                Message(MessageType.MESSAGE, topic, body = body)
            } catch (e: IllegalArgumentException) {
                throw LiveException(ErrorCode.BadPayload, e.message.orEmpty(), cause = e)
            }
        val payload =
            declared.payloadOf(topic)
                ?: throw LiveException(ErrorCode.UnknownTopic, "no declared topic matches this name")
        payload.read(message)
    }

    /** Creates the publication of [body] to [topic], after [check] has succeeded. Calls application code. */
    fun prepare(topic: String, body: Body?): Publication =
        Publication(topic, body, key = context.topics.keyOf(topic, body))

    suspend fun publish(publication: Publication): Published {
        val position = context.topics.publish(publication.topic, publication.body, key = publication.key)
        return Published(context.topics.find(publication.topic)?.size ?: 0, position)
    }
}

/**
 * @property subscribers number of subscribers on this node at the time of the publish
 * @property position position in the topic's history; null without history
 */
internal class Published(val subscribers: Int, val position: Position?) {
    fun toJson(topic: String): JsonObject =
        buildJsonObject {
            put("topic", topic)
            put("subscribers", subscribers)
            if (position != null) {
                put("epoch", position.epoch)
                put("offset", position.offset)
            }
        }
}
