package dev.live.protocol

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.KSerializer
import kotlinx.serialization.builtins.nullable
import kotlinx.serialization.descriptors.PrimitiveKind
import kotlinx.serialization.descriptors.PrimitiveSerialDescriptor
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.encoding.Decoder
import kotlinx.serialization.encoding.Encoder
import kotlinx.serialization.json.JsonDecoder
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** Reads an offset from any JSON number that is an integer in range: some encoders write `2.0`. */
internal object OffsetSerializer : KSerializer<Long> {
    override val descriptor: SerialDescriptor =
        PrimitiveSerialDescriptor("dev.live.protocol.offset", PrimitiveKind.LONG)

    override fun serialize(encoder: Encoder, value: Long): Unit = encoder.encodeLong(value)

    override fun deserialize(decoder: Decoder): Long =
        if (decoder is JsonDecoder) offsetIn(decoder.decodeJsonElement(), "offset") else decoder.decodeLong()
}

/** Reads the `since` of a `subscribe`. If both fields are `null`, there is no position. */
@OptIn(ExperimentalSerializationApi::class)
internal object SinceSerializer : KSerializer<Position?> {
    private val position = Position.serializer()
    override val descriptor: SerialDescriptor get() = position.nullable.descriptor

    override fun serialize(encoder: Encoder, value: Position?): Unit =
        encoder.encodeNullableSerializableValue(position, value)

    override fun deserialize(decoder: Decoder): Position? {
        if (decoder !is JsonDecoder) return decoder.decodeNullableSerializableValue(position)
        val since = decoder.decodeJsonElement()
        if (since is JsonNull) return null
        if (since !is JsonObject) throw BadPayloadException("since must be an object with epoch and offset")
        val epoch = since["epoch"] ?: JsonNull
        val offset = since["offset"] ?: JsonNull
        return when {
            epoch is JsonNull && offset is JsonNull -> null
            epoch is JsonNull -> throw BadPayloadException("since.epoch is missing")
            offset is JsonNull -> throw BadPayloadException("since.offset is missing")
            epoch !is JsonPrimitive || !epoch.isString -> throw BadPayloadException("since.epoch must be a string")
            else -> Position(epoch.content, offsetIn(offset, "since.offset"))
        }
    }
}

/** The integer value of [json], which may be negative. */
private fun offsetIn(json: JsonElement, field: String): Long {
    val number = (json as? JsonPrimitive)?.takeIf { !it.isString && it.content.isNumber() }
    return number?.let { integerIn(it.content) }
        ?: throw BadPayloadException("$field must be an integer from 0 to ${Long.MAX_VALUE}, was ${kindOf(json)}")
}

private fun kindOf(json: JsonElement): String =
    when {
        json is JsonObject -> "an object"
        json is JsonNull -> "null"
        json !is JsonPrimitive -> "an array"
        json.isString -> "a string"
        json.content.isNumber() -> "an unsupported number"
        else -> "a boolean"
    }

internal fun String.isNumber(): Boolean = isNotEmpty() && (this[0] == '-' || this[0] in '0'..'9')
