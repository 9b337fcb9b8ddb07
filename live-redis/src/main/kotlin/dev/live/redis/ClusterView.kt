package dev.live.redis

import io.lettuce.core.RedisCommandExecutionException
import kotlinx.coroutines.future.await

/**
 * The masters of a cluster, as one of its nodes sees them.
 *
 * @property epoch the newest configuration that the node has heard of: of two views, the one with the higher epoch is
 *   right
 * @property owners the master of each slot; null for a slot without one
 * @property servers all masters and replicas
 */
internal class ClusterView(val epoch: Long, val owners: List<HostPort?>, val servers: Set<HostPort>) {
    companion object {
        const val SLOTS: Int = 16_384

        /**
         * Asks [connection], which leads to [server].
         *
         * @throws RedisSetupException if it is not a node of a cluster
         */
        suspend fun read(connection: Commands, server: HostPort): ClusterView {
            val commands = connection.async()
            val info = commands.clusterInfo()
            val slots = commands.clusterSlots()
            connection.flushCommands()
            val epoch =
                try {
                    Regex("cluster_current_epoch:(\\d+)").find(info.await())?.groupValues?.get(1)?.toLong() ?: 0
                } catch (e: RedisCommandExecutionException) {
                    if ("cluster support disabled" !in e.message.orEmpty()) throw e
                    throw RedisSetupException(
                        "Redis at $server is not a node of a cluster. Use the scheme redis instead of redis-cluster.",
                    )
                }
            return parse(epoch, slots.await(), server)
        }

        /** @param reply ranges: first slot, last slot, master, replicas, each as host, port and more */
        fun parse(epoch: Long, reply: List<Any?>, server: HostPort): ClusterView {
            val owners = arrayOfNulls<HostPort>(SLOTS)
            val servers = LinkedHashSet<HostPort>()
            for (range in reply) {
                val fields = range as List<*>
                val nodes = fields.drop(2).mapNotNull { node(it as List<*>, server) }
                servers += nodes
                val last = (fields[1] as Long).toInt().coerceAtMost(SLOTS - 1)
                for (slot in (fields[0] as Long).toInt()..last) owners[slot] = nodes.firstOrNull()
            }
            return ClusterView(epoch, owners.asList(), servers)
        }

        /** A host without a name is that of the node which was asked. */
        private fun node(fields: List<*>, server: HostPort): HostPort? {
            val host = (fields.getOrNull(0) as? ByteArray)?.decodeToString().orEmpty()
            val port = (fields.getOrNull(1) as? Long)?.toInt() ?: return null
            return HostPort(if (host.isEmpty() || host == "?") server.host else host, port)
        }
    }
}
