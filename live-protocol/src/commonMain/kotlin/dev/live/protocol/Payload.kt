package dev.live.protocol

import kotlinx.serialization.DeserializationStrategy
import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.SerializationException
import kotlinx.serialization.SerializationStrategy
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.descriptors.StructureKind
import kotlinx.serialization.json.Json
import kotlinx.serialization.serializer

/** The JSON configuration for typed payloads: ignores unknown fields and omits nulls and default values. */
@OptIn(ExperimentalSerializationApi::class)
public val PayloadJson: Json =
    Json {
        ignoreUnknownKeys = true
        explicitNulls = false
        exceptionsWithDebugInfo = false // debug info would quote the payload
    }

/**
 * Encodes [value] as a JSON payload.
 *
 * @throws kotlinx.serialization.SerializationException if JSON cannot represent [value], for example `NaN`
 * @throws MalformedMessageException if the JSON nests deeper than [DecodeLimits.MAX_DEPTH]
 */
public inline fun <reified T> Body.Companion.of(value: T): Body.Json = of(serializer(), value)

/**
 * Encodes [value] as a JSON payload. Numbers in a [JsonElement][kotlinx.serialization.json.JsonElement] keep their
 * original text, at any depth in [value].
 *
 * @throws SerializationException if [serializer] cannot encode [value]
 * @throws MalformedMessageException if the JSON nests deeper than [DecodeLimits.MAX_DEPTH], or [serializer] writes
 *   invalid JSON
 */
public fun <T> Body.Companion.of(serializer: SerializationStrategy<T>, value: T): Body.Json {
    if (serializer in ValidJsonTypes) {
        val text = PayloadJson.encodeToString(serializer, value)
        // -1 for an unpaired surrogate, which the check of [Body.json] reports
        return if (utf8Size(text) >= 0) Body.Json.trusted(text) else Body.json(text)
    }
    return Body.json(PayloadJson.encodeToString(serializer.keepingLiterals(), value), ANY_DEPTH)
}

/** Outgoing payloads may nest deeper than the default limit for payloads from clients. */
private val ANY_DEPTH = DecodeLimits(DecodeLimits.MAX_DEPTH)

private fun <T> SerializationStrategy<T>.keepingLiterals(): SerializationStrategy<T> =
    if (JsonElementDetector.mayContain(descriptor)) LiteralSerializer(this) else this

/**
 * Decodes the payload as a [T].
 *
 * @throws BadPayloadException if the payload is absent, is not JSON or does not match [T]; the reason names the field
 */
public inline fun <reified T> Message.decode(): T = decode(serializer())

/**
 * Decodes the payload with [deserializer].
 *
 * An absent payload decodes to `null` for a nullable type, and to the instance of an `object` such as `Unit`.
 *
 * @throws BadPayloadException if the payload is absent, is not JSON or does not match; the reason names the field
 */
public fun <T> Message.decode(deserializer: DeserializationStrategy<T>): T {
    val json =
        when (val body = body) {
            is Body.Json -> body.text
            is Body.Bytes -> throw BadPayloadException("data must be JSON, was opaque bytes")
            null -> deserializer.descriptor.jsonForAbsent() ?: throw BadPayloadException("data is missing")
        }
    try {
        return PayloadJson.decodeFromString(deserializer, json)
    } catch (e: SerializationException) {
        throw BadPayloadException(e.describe()) // without the cause: its message may quote the payload
    } catch (e: IllegalArgumentException) {
        // thrown by an init block of T
        throw BadPayloadException(e.message?.lineSequence()?.first() ?: DOES_NOT_FIT, e)
    }
}

/** The JSON value that an absent payload is decoded as; null if the type requires a payload. */
@OptIn(ExperimentalSerializationApi::class)
private fun SerialDescriptor.jsonForAbsent(): String? =
    when {
        isNullable -> "null"
        kind == StructureKind.OBJECT -> "{}"
        else -> null
    }
