package dev.live.fuzz.codec

import dev.live.fuzz.RepositoryPaths
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import java.io.File

/** The protocol's golden vectors as seeds. */
internal object Vectors {
    val WORDS: List<String> =
        listOf("type", "topic", "ref", "body", "data", "offset", "trace", "subscribe", "publish", "null", "\\ud800")

    /** The inputs of all vectors for [codec]: `json`, `cbor` or `msgpack`. */
    fun of(codec: String): List<ByteArray> =
        File(RepositoryPaths.root, "live-protocol/vectors")
            .listFiles { file -> file.extension == "json" }
            .orEmpty()
            .sorted()
            .flatMap { Json.parseToJsonElement(it.readText()).jsonArray }
            .mapNotNull { it.jsonObject.inputFor(codec) }

    private fun JsonObject.inputFor(codec: String): ByteArray? {
        val hex = this["${codec}Hex"] ?: if (codec == "json") null else this[codec]
        if (hex != null) return hex.jsonPrimitive.content.hexToByteArray()
        return this[codec]?.jsonPrimitive?.content?.encodeToByteArray()
    }
}
