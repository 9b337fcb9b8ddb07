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
 * @throws MalformedMessageException if it nests deeper than the protocol allows
 */
public inline fun <reified T> Body.Companion.of(value: T): Body.Json = of(serializer(), value)

/**
 * A JSON payload that holds [value].
 *
 * @throws SerializationException if [serializer] cannot write it
 * @throws MalformedMessageException if it nests deeper than the protocol allows, or [serializer] writes what is not JSON
 */
public fun <T> Body.Companion.of(serializer: SerializationStrategy<T>, value: T): Body.Json =
    Body.json(PayloadJson.encodeToString(serializer, value))

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
