package dev.live.redis.support

import dev.live.redis.RedisKeys
import io.lettuce.core.cluster.SlotHash
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.util.concurrent.TimeUnit

/**
 * A Redis Cluster of three masters, each with [replicas] replicas.
 *
 * @param failsFast whether a server without an answer counts as lost soon, which a busy machine may cause as well
 */
class RedisCluster(private val replicas: Int = 0, failsFast: Boolean = false) : AutoCloseable {
    /** A node of the cluster. */
    class Node(val server: RedisServer, val busPort: Int) {
        val id: String by lazy { server.command("CLUSTER", "MYID").toString() }
    }

    val nodes: List<Node> =
        List(MASTERS * (1 + replicas)) {
            val busPort = freePort()
            val cluster = arrayOf("--cluster-enabled", "yes", "--cluster-port", "$busPort")
            val timeout = if (failsFast) "2000" else "5000"
            val timing = arrayOf("--cluster-node-timeout", timeout, "--repl-diskless-sync-delay", "0")
            Node(RedisServer(isPersistent = false, *cluster, *timing), busPort)
        }
    val masters: List<Node> get() = nodes.take(MASTERS)

    /** Leads to the first node only: the others are found by it. */
    val url: String get() = "redis-cluster://127.0.0.1:${nodes[0].server.port}"

    init {
        nodes.forEachIndexed { index, node ->
            node.server.command("CLUSTER", "SET-CONFIG-EPOCH", "${index + 1}")
            if (index > 0) nodes[0].meet(node)
        }
        masters.forEachIndexed { index, node ->
            val first = SlotHash.SLOT_COUNT * index / MASTERS
            val last = SlotHash.SLOT_COUNT * (index + 1) / MASTERS - 1
            node.server.command("CLUSTER", "ADDSLOTSRANGE", "$first", "$last")
        }
        await("all nodes know each other") { nodes.all { it.lines().size == nodes.size } }
        nodes.drop(MASTERS).forEachIndexed { index, node ->
            node.server.command("CLUSTER", "REPLICATE", nodes[index % MASTERS].id)
        }
        await("the cluster is ready") {
            nodes.all { node ->
                "cluster_state:ok" in node.server.command("CLUSTER", "INFO").toString() &&
                    node.lines().count { "slave" in it } == MASTERS * replicas
            }
        }
        if (replicas > 0) {
            await("the replicas are connected") {
                masters.all {
                    "state=online" in it.server.command("INFO", "replication").toString()
                }
            }
        }
    }

    /** The master of the keys of [topic], as the first node that is running sees it. */
    fun masterOf(topic: String): Node {
        val slot = slot(topic)
        val ranges = running().server.command("CLUSTER", "SLOTS") as List<*>
        val range = ranges.map { it as List<*> }.first { slot in (it[0] as Long)..(it[1] as Long) }
        val port = (range[2] as List<*>)[1] as Long
        return nodes.first { it.server.port.toLong() == port }
    }

    private fun running(): Node = nodes.first { it.server.isRunning }

    /** Moves the slot of [topic] with its keys to [target], as redis-cli --cluster reshard does. */
    suspend fun move(topic: String, target: Node, between: suspend () -> Unit = {}): Unit =
        withContext(Dispatchers.IO) { moveBlocking(topic, target, between) }

    private suspend fun moveBlocking(topic: String, target: Node, between: suspend () -> Unit) {
        val slot = "${slot(topic)}"
        val source = masterOf(topic)
        target.server.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.server.command("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        migrateKeys(source, target, slot)
        between()
        migrateKeys(source, target, slot)
        for (node in listOf(target, source) + masters) {
            node.server.command("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        }
        await("the slot has moved") { masterOf(topic) === target }
    }

    private fun migrateKeys(source: Node, target: Node, slot: String) {
        val keys = (source.server.command("CLUSTER", "GETKEYSINSLOT", slot, "100") as List<*>).map { it.toString() }
        if (keys.isEmpty()) return
        val to = arrayOf("127.0.0.1", "${target.server.port}", "", "0", "10000")
        source.server.command("MIGRATE", *to, "KEYS", *keys.toTypedArray())
    }

    override fun close(): Unit = nodes.forEach { it.server.close() }

    private fun Node.meet(other: Node) {
        server.command("CLUSTER", "MEET", "127.0.0.1", "${other.server.port}", "${other.busPort}")
    }

    private fun Node.lines(): List<String> =
        server.command("CLUSTER", "NODES").toString().lines().filter { it.isNotBlank() && "handshake" !in it }

    private companion object {
        const val MASTERS = 3
        const val POLL_MILLIS = 20L

        fun slot(topic: String): Int = RedisKeys("any", database = 0).slot(topic)

        fun await(event: String, condition: () -> Boolean) {
            val deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(1)
            while (!condition()) {
                check(System.nanoTime() < deadline) { "timed out: $event" }
                Thread.sleep(POLL_MILLIS)
            }
        }
    }
}
