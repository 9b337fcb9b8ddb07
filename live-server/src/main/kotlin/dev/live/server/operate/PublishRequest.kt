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

/**
 * The publishes of a request, in order.
 *
 * @property isList whether the request body was a list; the response then is a list too
 */
internal class PublishRequest(val items: List<PublishItem>, val isList: Boolean) {
    companion object {
        /** @throws LiveException if [json] is not a valid request, or contains more than [maxBatch] publishes */
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

/** A message to a topic or to a user. */
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
            if ((topic == null) == (user == null)) bad("exactly one of topic and user must be set")
            val type = json.text("type")
            if (topic != null && type != null) bad("type is only allowed for messages to a user")
            val item = PublishItem(topic, user, type ?: MessageType.MESSAGE, bodyIn(json, limits))
            if (user != null) checkType(item)
            return item
        }

        private fun bodyIn(json: JsonObject, limits: DecodeLimits): Body? {
            val data = json["data"]
            val body = json.text("body") ?: return data?.let { Body.json(it.toString(), limits) }
            if (data != null && data !is JsonNull) bad("only one of data and body may be set")
            try {
                return Body.base64(body)
            } catch (e: MalformedMessageException) {
                bad(e.reason)
            }
        }

        private fun checkType(item: PublishItem) {
            if (item.type != MessageType.MESSAGE && item.type in MessageType.All) {
                bad("type '${item.type}' is reserved by the protocol. Choose another type.")
            }
            try {
                item.toMessage()
            } catch (e: IllegalArgumentException) {
                bad(e.message.orEmpty())
            }
        }
    }
}

/** Runs [block] for the publish at [index], and adds the index to its errors. */
internal inline fun <T> numbered(index: Int, block: () -> T): T =
    try {
        block()
    } catch (e: LiveException) {
        throw LiveException(e.code, "publish $index: ${e.reason}", e.retryAfter, e)
    }

private fun bad(reason: String, code: ErrorCode = ErrorCode.BadPayload): Nothing = throw LiveException(code, reason)
