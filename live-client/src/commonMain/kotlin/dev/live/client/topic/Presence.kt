package dev.live.client.topic

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Message
import dev.live.protocol.PayloadJson
import dev.live.protocol.decode
import kotlinx.serialization.KSerializer
import kotlinx.serialization.Serializable
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.JsonElement

/**
 * The sessions on a topic: a map from each presence key to the infos of its sessions. Keys are in the order in which
 * they joined.
 *
 * @property count total number of sessions
 * @property isListed whether the map lists the sessions. Above a limit of the server only [count] is known, and the
 *   map is empty.
 */
public class Presence<out M> internal constructor(
    private val members: Map<String, List<M>>,
    public val count: Int,
    public val isListed: Boolean,
) : Map<String, List<M>> by members {
    override fun equals(other: Any?): Boolean =
        other is Presence<*> && members == other.members && count == other.count && isListed == other.isListed

    override fun hashCode(): Int = 31 * members.hashCode() + count

    override fun toString(): String = "Presence(count=$count, isListed=$isListed)"

    internal fun <N> mapped(transform: (M) -> N): Presence<N> =
        Presence(members.mapValues { (_, infos) -> infos.map(transform) }, count, isListed)

    internal companion object {
        val Empty = Presence<JsonElement>(emptyMap(), count = 0, isListed = true)
    }
}

/** The payload of a `presence` message: the full state, or the changes, or only the number of sessions. */
@Serializable
internal class PresenceData(
    val state: Map<String, List<JsonElement>>? = null,
    val joins: Map<String, List<JsonElement>> = emptyMap(),
    val leaves: Map<String, List<JsonElement>> = emptyMap(),
    val count: Int? = null,
)

/**
 * This presence with the changes of [message] applied.
 *
 * @throws BadPayloadException if [message] has no valid presence payload
 */
internal fun Presence<JsonElement>.after(message: Message): Presence<JsonElement> {
    val data = message.decode<PresenceData>()
    if (data.count != null) return Presence(emptyMap(), data.count, isListed = false)
    val members = LinkedHashMap<String, List<JsonElement>>(data.state ?: this)
    for ((key, leaves) in data.leaves) {
        val remaining = leaves.fold(members[key].orEmpty()) { infos, info -> infos - info }
        if (remaining.isEmpty()) members -= key else members[key] = remaining
    }
    for ((key, joins) in data.joins) members[key] = members[key].orEmpty() + joins
    return Presence(members, members.values.sumOf { it.size }, isListed = true)
}

/** The same as [after], but null for an invalid payload: an application may send its own messages of this type. */
internal fun Presence<JsonElement>.afterOrNull(message: Message): Presence<JsonElement>? =
    try {
        after(message)
    } catch (_: BadPayloadException) {
        null
    }

/**
 * This presence with every info decoded by [serializer].
 *
 * @throws BadPayloadException if an info does not match [M]
 */
internal fun <M> Presence<JsonElement>.decoded(serializer: KSerializer<M>): Presence<M> {
    try {
        return mapped { PayloadJson.decodeFromJsonElement(serializer, it) }
    } catch (_: SerializationException) {
        throw BadPayloadException("the info of a presence member does not match the type that this client expects")
    }
}
