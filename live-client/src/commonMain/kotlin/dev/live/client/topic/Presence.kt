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
 * Who is on a topic: what each of the sessions of a key says of itself. Keys are just keys, in the order in which they
 * came.
 *
 * @property count sessions in all
 * @property isListed whether they are listed: above a limit of the server's only their number is known, and the map is
 *   empty
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

/** The payload of a `presence` message: everybody, or what has changed, or only how many there are. */
@Serializable
internal class PresenceData(
    val state: Map<String, List<JsonElement>>? = null,
    val joins: Map<String, List<JsonElement>> = emptyMap(),
    val leaves: Map<String, List<JsonElement>> = emptyMap(),
    val count: Int? = null,
)

/**
 * Who is there after [message], which says what has changed since this.
 *
 * @throws BadPayloadException if it is no presence
 */
internal fun Presence<JsonElement>.after(message: Message): Presence<JsonElement> {
    val data = message.decode<PresenceData>()
    if (data.count != null) return Presence(emptyMap(), data.count, isListed = false)
    val members = LinkedHashMap<String, List<JsonElement>>(data.state ?: this)
    for ((key, gone) in data.leaves) {
        val left = gone.fold(members[key].orEmpty()) { those, one -> those - one }
        if (left.isEmpty()) members -= key else members[key] = left
    }
    for ((key, come) in data.joins) members[key] = members[key].orEmpty() + come
    return Presence(members, members.values.sumOf { it.size }, isListed = true)
}

/** [after], or null for what is of an application's own making: who collects the raw messages gets it. */
internal fun Presence<JsonElement>.afterOrNull(message: Message): Presence<JsonElement>? =
    try {
        after(message)
    } catch (_: BadPayloadException) {
        null
    }

/**
 * The same with what each says as what [serializer] reads.
 *
 * @throws BadPayloadException if it is no [M]
 */
internal fun <M> Presence<JsonElement>.decoded(serializer: KSerializer<M>): Presence<M> {
    try {
        return mapped { PayloadJson.decodeFromJsonElement(serializer, it) }
    } catch (_: SerializationException) {
        throw BadPayloadException("what a member says of itself is not what this client expects")
    }
}
