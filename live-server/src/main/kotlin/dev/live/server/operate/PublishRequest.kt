package dev.live.server.operate

import dev.live.protocol.Body
import dev.live.protocol.DecodeLimits
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject

/** What a backend asks for: one thing after the other. [isList]: it asked in a list, and is answered in one. */
internal class PublishRequest(val items: List<PublishItem>, val isList: Boolean) {
    companion object {
        /** @throws LiveException if [json] is none, or more than [maxBatch] things */
        fun of(json: JsonElement, maxBatch: Int, limits: DecodeLimits): PublishRequest =
            when (json) {
                is JsonObject -> PublishRequest(listOf(PublishItem.of(json, limits)), isList = false)
                is JsonArray -> {
                    if (json.size > maxBatch) {
                        bad("a list must have at most $maxBatch publishes, had ${json.size}", ErrorCode.TooLarge)
                    }
                    if (json.isEmpty()) bad("a list must have at least one publish")
                    PublishRequest(json.mapIndexed { i, item -> numbered(i) { PublishItem.of(item, limits) } }, true)
                }
                else -> bad("the body must be an object, or a list of objects")
            }
    }
}

/** A message for a topic, or for a user. */
internal class PublishItem private constructor(
    val topic: String?,
    val user: String?,
    val type: String,
    val body: Body?,
) {
    /** The message for the user. */
    fun toMessage(): Message = Message(type, body = body)

    companion object {
        fun of(json: JsonElement, limits: DecodeLimits): PublishItem {
            if (json !is JsonObject) bad("a publish must be an object")
            val topic = json.text("topic")
            val user = json.text("user")
            if ((topic == null) == (user == null)) bad("name either the topic or the user to publish to")
            val type = json.text("type")
            if (topic != null && type != null) bad("type is for messages to a user; what a topic carries is a message")
            val item = PublishItem(topic, user, type ?: MessageType.MESSAGE, bodyIn(json, limits))
            if (user != null) checkType(item)
            return item
        }

        private fun bodyIn(json: JsonObject, limits: DecodeLimits): Body? {
            val data = json["data"]
            val body = json.text("body") ?: return data?.let { Body.json(it.toString(), limits) }
            if (data != null && data !is JsonNull) bad("a publish has data or body, and not both")
            try {
                return Body.base64(body)
            } catch (e: MalformedMessageException) {
                bad(e.reason)
            }
        }

        private fun checkType(item: PublishItem) {
            if (item.type != MessageType.MESSAGE && item.type in MessageType.All) {
                bad("type '${item.type}' is one of the protocol's own; choose another")
            }
            try {
                item.toMessage()
            } catch (e: IllegalArgumentException) {
                bad(e.message.orEmpty())
            }
        }
    }
}

/** Runs [block], which is about the publish at [index]: what it refuses says which one that is. */
internal inline fun <T> numbered(index: Int, block: () -> T): T =
    try {
        block()
    } catch (e: LiveException) {
        throw LiveException(e.code, "publish $index: ${e.reason}", e.retryAfter, e)
    }

private fun bad(reason: String, code: ErrorCode = ErrorCode.BadPayload): Nothing = throw LiveException(code, reason)
