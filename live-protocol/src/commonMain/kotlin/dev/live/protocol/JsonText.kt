package dev.live.protocol

import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json

internal fun compactJson(text: String, limits: DecodeLimits): String = Json.parseToJsonElement(text).toString()

internal fun SerializationException.describe(): String = message.orEmpty().lineSequence().first()
