package dev.live.redis

import dev.live.protocol.Body
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.MessageType
import dev.live.server.broker.PresenceMember
import dev.live.server.broker.Publication
import java.nio.BufferUnderflowException
import java.nio.ByteBuffer

/**
 * A change of one node's members on a topic, which the node publishes to the other nodes after it has stored it.
 *
 * @property previous version of the node's members before the change; 0 if it had none
 * @property version their version after it: higher than every earlier one of the node
 * @property isReload whether all of them must be read again; there are no [joins] and [leaves] then
 * @property joins the members that were added, by id
 * @property leaves the ids of the members that have left, and whether their connection was lost
 */
internal class PresenceMessage(
    val previous: Long,
    val version: Long,
    val isReload: Boolean = false,
    val joins: Map<Long, PresenceMember> = emptyMap(),
    val leaves: Map<Long, Boolean> = emptyMap(),
) {
    /** The publication on [topic] of this node; [node] ignores its own one. */
    fun publication(topic: String, node: String): Publication =
        Publication(topic, Body.bytes(encode()), MessageType.PRESENCE, except = node)

    private fun encode(): ByteArray {
        val members = joins.mapValues { encodeMember(it.value) }
        val joinBytes = members.values.sumOf { Long.SIZE_BYTES + Int.SIZE_BYTES + it.size }
        val buffer = ByteBuffer.allocate(HEADER_BYTES + joinBytes + leaves.size * (Long.SIZE_BYTES + 1))
        buffer.put(if (isReload) RELOAD else CHANGE).putLong(previous).putLong(version)
        buffer.putInt(members.size)
        for ((id, bytes) in members) buffer.putLong(id).putInt(bytes.size).put(bytes)
        buffer.putInt(leaves.size)
        for ((id, isLost) in leaves) buffer.putLong(id).put(if (isLost) 1 else 0)
        return buffer.array()
    }

    companion object {
        private const val CHANGE: Byte = 1
        private const val RELOAD: Byte = 2
        private const val HEADER_BYTES = 1 + 2 * Long.SIZE_BYTES + 2 * Int.SIZE_BYTES

        /** The message in [publication]; null if it is none of this version of live. */
        fun decode(publication: Publication): PresenceMessage? {
            val body = publication.body as? Body.Bytes ?: return null
            return try {
                decode(ByteBuffer.wrap(body.toByteArray()))
            } catch (_: BufferUnderflowException) {
                null
            }
        }

        private fun decode(buffer: ByteBuffer): PresenceMessage? {
            val kind = buffer.get()
            if (kind != CHANGE && kind != RELOAD) return null
            val previous = buffer.getLong()
            val version = buffer.getLong()
            val joins = LinkedHashMap<Long, PresenceMember>()
            repeat(buffer.getInt()) {
                val id = buffer.getLong()
                val size = buffer.getInt()
                if (size !in 0..buffer.remaining()) return null
                joins[id] = decodeMember(ByteArray(size).also(buffer::get)) ?: return null
            }
            val leaves = LinkedHashMap<Long, Boolean>()
            repeat(buffer.getInt()) { leaves[buffer.getLong()] = buffer.get().toInt() == 1 }
            return PresenceMessage(previous, version, kind == RELOAD, joins, leaves)
        }

        /** The length of the key in four bytes, the key, and the info. */
        fun encodeMember(member: PresenceMember): ByteArray {
            val key = member.key.encodeToByteArray()
            val info = member.info.encodeToByteArray()
            val buffer = ByteBuffer.allocate(Int.SIZE_BYTES + key.size + info.size)
            return buffer.putInt(key.size).put(key).put(info).array()
        }

        /** Null if [bytes] are no member. Clients receive the info as it is, so that it must be valid JSON. */
        fun decodeMember(bytes: ByteArray): PresenceMember? {
            if (bytes.size < Int.SIZE_BYTES) return null
            val size = ByteBuffer.wrap(bytes).getInt()
            if (size !in 0..bytes.size - Int.SIZE_BYTES) return null
            val end = Int.SIZE_BYTES + size
            return try {
                val info = Body.json(bytes.decodeToString(end, bytes.size)).text
                PresenceMember(bytes.decodeToString(Int.SIZE_BYTES, end), info)
            } catch (_: MalformedMessageException) {
                null
            }
        }
    }
}
