package dev.live.sync

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.decode
import dev.live.protocol.of
import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** Wire format of scopes and cursors: topic `sync:<scope>`, message type `sync`, body `{"cursor":N}`. */
internal object SyncWire {
    private const val PREFIX = "sync:"
    const val TYPE = "sync"
    const val PATTERN = "$PREFIX{scope...}"

    /** A topic name has at most 256 bytes, including the prefix. */
    const val MAX_SCOPE_BYTES = 256 - PREFIX.length

    /**
     * The topic of [scope].
     *
     * @throws IllegalArgumentException if [scope] is empty, too long or contains control characters
     */
    fun topicOf(scope: String): String {
        require(scope.isNotEmpty()) { "a scope must not be empty" }
        val bytes = if (scope.length > MAX_SCOPE_BYTES) scope.length else scope.encodeToByteArray().size
        require(bytes <= MAX_SCOPE_BYTES) {
            "a scope must be at most $MAX_SCOPE_BYTES bytes of UTF-8, was at least $bytes; use a shorter name"
        }
        require(scope.none { it.isISOControl() }) { "a scope must not contain control characters" }
        return PREFIX + scope
    }

    /** Adds the cursor as text above 2^53, because JavaScript and many JSON parsers round larger numbers. */
    @OptIn(ExperimentalSerializationApi::class)
    fun jsonOf(cursor: ULong): JsonElement {
        val exact = mapOf(CURSOR to JsonPrimitive(cursor))
        if (cursor <= MAX_EXACT) return JsonObject(exact)
        return JsonObject(exact + (TEXT to JsonPrimitive(cursor.toString(radix = 10))))
    }

    fun bodyOf(cursor: ULong): Body = Body.of(jsonOf(cursor))

    /** Returns the cursor in [json], or null if it has no valid one. */
    fun cursorIn(json: JsonElement?): ULong? {
        val fields = json as? JsonObject ?: return null
        val text = fields[TEXT] ?: fields[CURSOR]
        return (text as? JsonPrimitive)?.content?.toULongOrNull()
    }

    fun cursorIn(message: Message): ULong? =
        try {
            if (message.body == null) null else cursorIn(message.decode<JsonElement>())
        } catch (_: BadPayloadException) {
            null // not a message of this adapter
        }

    private const val CURSOR = "cursor"
    private const val TEXT = "cursorText"
    private const val MAX_EXACT = 9_007_199_254_740_992uL // 2^53
}
