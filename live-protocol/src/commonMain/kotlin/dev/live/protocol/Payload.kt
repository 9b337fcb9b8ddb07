package dev.live.protocol

import kotlinx.serialization.DeserializationStrategy
import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.SerializationException
import kotlinx.serialization.SerializationStrategy
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.descriptors.StructureKind
import kotlinx.serialization.json.Json
import kotlinx.serialization.serializer

/** How typed payloads are written and read: unknown fields are ignored, defaults and nulls are written only where they differ. */
@OptIn(ExperimentalSerializationApi::class)
public val PayloadJson: Json =
    Json {
        ignoreUnknownKeys = true
        explicitNulls = false
        exceptionsWithDebugInfo = false // they would quote the payload
    }

/**
 * A JSON payload that holds [value].
 *
 * @throws kotlinx.serialization.SerializationException if [value] has a part that JSON cannot hold, such as `NaN`
 * @throws MalformedMessageException if it nests deeper than [DecodeLimits.MAX_DEPTH]
 */
public inline fun <reified T> Body.Companion.of(value: T): Body.Json = of(serializer(), value)

/**
 * A JSON payload that holds [value]. Numbers in a [JsonElement][kotlinx.serialization.json.JsonElement], wherever [value] has one, keep
 * their text.
 *
 * @throws SerializationException if [serializer] cannot write it
 * @throws MalformedMessageException if it nests deeper than [DecodeLimits.MAX_DEPTH], or [serializer] writes what is not JSON
 */
public fun <T> Body.Companion.of(serializer: SerializationStrategy<T>, value: T): Body.Json =
    Body.json(PayloadJson.encodeToString(serializer.keepingLiterals(), value), ANY_DEPTH)

/** What an application sends may nest deeper than what a server lets clients send by default. */
private val ANY_DEPTH = DecodeLimits(DecodeLimits.MAX_DEPTH)

private fun <T> SerializationStrategy<T>.keepingLiterals(): SerializationStrategy<T> =
    if (HoldsJson(descriptor)) LiteralSerializer(this) else this

/**
 * The payload as a [T].
 *
 * @throws BadPayloadException if there is none, it is not JSON, or it does not fit [T]; the reason names the field
 */
public inline fun <reified T> Message.decode(): T = decode(serializer())

/**
 * The payload as what [deserializer] reads.
 *
 * No payload is read as `null` where that may be, and as an object that has no fields, such as `Unit`.
 *
 * @throws BadPayloadException if there is none, it is not JSON, or it does not fit; the reason names the field
 */
public fun <T> Message.decode(deserializer: DeserializationStrategy<T>): T {
    val json =
        when (val body = body) {
            is Body.Json -> body.text
            is Body.Bytes -> throw BadPayloadException("data must be JSON, was opaque bytes")
            null -> deserializer.descriptor.ofNothing() ?: throw BadPayloadException("data is missing")
        }
    try {
        return PayloadJson.decodeFromString(deserializer, json)
    } catch (e: SerializationException) {
        throw BadPayloadException(e.describe()) // not as the cause: its message may quote the payload
    } catch (e: IllegalArgumentException) {
        // an init block of T refused its arguments
        throw BadPayloadException(e.message?.lineSequence()?.first() ?: DOES_NOT_FIT, e)
    }
}

/** What stands for no payload at all; null if that is not enough. */
@OptIn(ExperimentalSerializationApi::class)
private fun SerialDescriptor.ofNothing(): String? =
    when {
        isNullable -> "null"
        kind == StructureKind.OBJECT -> "{}"
        else -> null
    }
