package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive

/**
 * Tells a topic's subscribers who is there: everybody to those who have just come, what has changed to the others, at
 * most once an interval. Above the limit only how many.
 *
 * Only accessed by the topic's fan-out coroutine, but for [state].
 */
internal class PresenceNotifier(
    private val topic: String,
    private val presence: Presence,
    private val codecs: CodecTable,
) {
    private var wasListed = true
    private val mutableState = MutableStateFlow<Map<String, List<JsonElement>>>(emptyMap())

    /** Who is there, as last told, on this node. Any thread. */
    val state: StateFlow<Map<String, List<JsonElement>>> get() = mutableState

    /** What those have to be told who were not told yet, and what the others, if anything. */
    class Telling(val toNew: PreparedMessage?, val toOthers: PreparedMessage?)

    /** [hasNew]: whether anybody was not told yet. */
    fun tell(now: Long, hasNew: Boolean): Telling {
        val hasChanged = presence.hasChanged
        val change = presence.told(now)
        if (hasChanged) mutableState.value = presence.all { it.shown }
        val isListed = presence.isListed
        val isDiff = isListed && wasListed
        wasListed = isListed
        // everybody is many: only where somebody is to get it
        val whole = if (hasNew || (hasChanged && !isDiff)) message(whole(isListed)) else null
        val toOthers =
            when {
                !hasChanged -> null
                isDiff -> message(diff(change))
                else -> whole
            }
        return Telling(whole, toOthers)
    }

    private fun whole(isListed: Boolean): String =
        if (isListed) """{"state":${json(presence.all { it.info })}}""" else """{"count":${presence.count}}"""

    private fun diff(change: Presence.Change): String {
        val parts =
            listOf("joins" to change.joins, "leaves" to change.leaves)
                .filter { it.second.isNotEmpty() }
                .joinToString(",") { (name, infos) -> """"$name":${json(infos)}""" }
        return "{$parts}"
    }

    private fun json(infos: Map<String, List<String>>): String =
        infos.entries.joinToString(",", "{", "}") { (key, of) ->
            "${JsonPrimitive(key)}:${of.joinToString(",", "[", "]")}"
        }

    private fun message(json: String) =
        PreparedMessage(Message(MessageType.PRESENCE, topic, body = Body.json(json)), codecs)
}
