package dev.live.server.operate

import dev.live.protocol.Body
import dev.live.protocol.DecodeLimits
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MalformedMessageException
import io.ktor.server.application.ApplicationCall
import io.ktor.server.request.contentLength
import io.ktor.server.request.receiveChannel
import io.ktor.utils.io.readRemaining
import kotlinx.io.readByteArray
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/**
 * Reads the JSON body of the request. Never reads more than one byte beyond [maxBytes].
 *
 * @throws LiveException if the body is larger than [maxBytes], or is not JSON
 */
internal suspend fun ApplicationCall.receiveJson(maxBytes: Int, limits: DecodeLimits): JsonElement {
    val bytes =
        if ((request.contentLength() ?: 0) > maxBytes) {
            null
        } else {
            receiveChannel().readRemaining(maxBytes + 1L).readByteArray().takeIf { it.size <= maxBytes }
        }
    if (bytes == null) throw LiveException(ErrorCode.TooLarge, "the body must be at most $maxBytes bytes")
    try {
        val text = bytes.decodeToString(throwOnInvalidSequence = true)
        return Json.parseToJsonElement(Body.json(text, limits).text)
    } catch (e: CharacterCodingException) {
        throw LiveException(ErrorCode.BadPayload, "the body must be UTF-8", cause = e)
    } catch (e: MalformedMessageException) {
        throw LiveException(ErrorCode.BadPayload, "the body must be JSON: ${e.reason}", cause = e)
    }
}

/** The string in the field [name]; null if the field is missing. */
internal fun JsonObject.text(name: String): String? {
    val value = this[name]
    if (value == null || value is JsonNull) return null
    if (value !is JsonPrimitive || !value.isString) throw LiveException(ErrorCode.BadPayload, "$name must be a string")
    return value.content
}
