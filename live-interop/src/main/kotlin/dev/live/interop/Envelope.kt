package dev.live.interop

import dev.live.protocol.Body
import dev.live.protocol.CborCodec
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.MessagePackCodec
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** The codecs of the protocol in live's own implementation. */
internal val codecs: Map<String, Codec> =
    mapOf("json" to JsonCodec, "cbor" to CborCodec, "msgpack" to MessagePackCodec)

/** The encoding of an optional field without a value. */
enum class Absent { LeftOut, Null, Undefined }

/** A message for a library to encode. */
class Outgoing(
    val type: String,
    val topic: String,
    val ref: String,
    val body: ByteArray? = null,
    val data: String? = null,
    val absent: Absent = Absent.LeftOut,
)

/** A message decoded by a library. */
class Incoming(
    val type: String,
    val topic: String,
    val ref: String,
    val body: ByteArray?,
    val data: String?,
    val offset: Long?,
) {
    /**
     * Describes the first field that differs from [expected], or returns null if the messages are equal. Null and ""
     * are equal.
     */
    fun differenceFrom(expected: Message): String? {
        val expectedBody = (expected.body as? Body.Bytes)?.toByteArray()
        val expectedData = (expected.body as? Body.Json)?.text
        return when {
            type != expected.type -> "type is '$type' and not '${expected.type}'"
            topic != expected.topic -> "topic is '$topic' and not '${expected.topic}'"
            ref != expected.ref -> "ref is '$ref' and not '${expected.ref}'"
            !body.contentEquals(expectedBody) -> "body is ${body?.hex()} and not ${expectedBody?.hex()}"
            !sameJson(data, expectedData) -> "data is $data and not $expectedData"
            offset != expected.offset -> "offset is $offset and not ${expected.offset}"
            else -> null
        }
    }
}

/** Compares JSON values. `1` and `1.0` are equal, because some libraries decode every number as a double. */
internal fun sameJson(one: String?, other: String?): Boolean =
    one == other || (one != null && other != null && comparable(one) == comparable(other))

private fun comparable(json: String): Any? = comparable(Json.parseToJsonElement(json))

private fun comparable(element: JsonElement): Any? =
    when (element) {
        is JsonObject -> element.mapValues { comparable(it.value) }
        is JsonArray -> element.map(::comparable)
        is JsonNull -> null
        is JsonPrimitive if element.isString -> "\"${element.content}"
        is JsonPrimitive -> element.content.toDoubleOrNull() ?: element.content
    }

internal fun ByteArray.hex(): String = joinToString("") { "%02x".format(it) }

internal fun String.unhex(): ByteArray = chunked(2).map { it.toInt(16).toByte() }.toByteArray()

/** The reason in the data of an `error`. */
internal fun reasonIn(data: String): String =
    Json.parseToJsonElement(data).jsonObject["reason"]?.jsonPrimitive?.content.orEmpty()
