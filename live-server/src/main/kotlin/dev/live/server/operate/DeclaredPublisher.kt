package dev.live.server.operate

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.server.broker.Publication
import dev.live.server.endpoint.DeclaredTopics
import dev.live.server.endpoint.EndpointContext
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

/**
 * Publishes to topics that an endpoint declares, for whoever has no type of the application's to do it with: what is
 * published has to be what the topic's own type reads.
 */
internal class DeclaredPublisher(private val context: EndpointContext, private val declared: DeclaredTopics) {
    /** @throws LiveException if [body] cannot be published to [topic], with the reason for whoever sent it */
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
                ?: throw LiveException(ErrorCode.UnknownTopic, "no endpoint declares a topic that matches this name")
        payload.read(message)
    }

    /** What [publish] takes to publish [body], which was [check]ed, to [topic]; calls code of the application. */
    suspend fun prepare(topic: String, body: Body?): Publication =
        context.topics.publication(topic, body, wantsPlace = true)

    suspend fun publish(publication: Publication): Published {
        context.broker.publish(publication)
        return Published(context.topics.find(publication.topic)?.size ?: 0, publication.place)
    }
}

/**
 * @property subscribers on this node, as of then
 * @property place in the topic's history; null if it keeps none
 */
internal class Published(val subscribers: Int, val place: Position?) {
    fun toJson(topic: String): JsonObject =
        buildJsonObject {
            put("topic", topic)
            put("subscribers", subscribers)
            if (place != null) {
                put("epoch", place.epoch)
                put("offset", place.offset)
            }
        }
}
