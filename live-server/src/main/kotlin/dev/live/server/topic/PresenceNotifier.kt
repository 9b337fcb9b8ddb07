package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.DelicateLiveApi
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.dialect.DialectTable
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive

/**
 * Creates presence messages: the whole list for new subscribers and the changes for the others, at most once per
 * interval. Above the limit, only the count.
 *
 * Only accessed by the topic's actor, except for [state].
 */
internal class PresenceNotifier(
    private val topic: String,
    private val presence: Presence,
    private val dialects: DialectTable,
) {
    private var wasListed = true
    private val mutableState = MutableStateFlow<Map<String, List<JsonElement>>>(emptyMap())

    /** The members on all nodes, as last sent to the subscribers. Thread-safe. */
    val state: StateFlow<Map<String, List<JsonElement>>> get() = mutableState

    /** The message for new subscribers and the one for the others; null if there is none. */
    class Notification(val forNew: PreparedMessage?, val forOthers: PreparedMessage?)

    /** @param hasNew whether there are new subscribers */
    fun nextNotification(now: Long, hasNew: Boolean): Notification {
        val hasChanged = presence.hasChanged
        val changes = presence.takeChanges(now)
        if (hasChanged) mutableState.value = presence.all { it.parsedInfo }
        val isListed = presence.isListed
        val isDiff = isListed && wasListed
        wasListed = isListed
        // the whole list can be long: encoded only if it is sent
        val snapshot = if (hasNew || (hasChanged && !isDiff)) message(snapshot(isListed)) else null
        val forOthers =
            when {
                !hasChanged -> null
                isDiff -> message(diff(changes))
                else -> snapshot
            }
        return Notification(snapshot, forOthers)
    }

    private fun snapshot(isListed: Boolean): String =
        if (isListed) """{"state":${json(presence.all { it.info })}}""" else """{"count":${presence.count}}"""

    private fun diff(changes: Presence.Changes): String {
        val parts =
            listOf("joins" to changes.joins, "leaves" to changes.leaves)
                .filter { it.second.isNotEmpty() }
                .joinToString(",") { (name, infos) -> """"$name":${json(infos)}""" }
        return "{$parts}"
    }

    private fun json(infos: Map<String, List<String>>): String =
        infos.entries.joinToString(",", "{", "}") { (key, of) ->
            "${JsonPrimitive(key)}:${of.joinToString(",", "[", "]")}"
        }

    @OptIn(DelicateLiveApi::class) // built from validated JSON
    private fun message(json: String) =
        PreparedMessage(Message(MessageType.PRESENCE, topic, body = Body.uncheckedJson(json)), dialects)
}
