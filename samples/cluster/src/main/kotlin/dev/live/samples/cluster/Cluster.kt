package dev.live.samples.cluster

import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.serialization.Serializable
import java.net.BindException
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/** A failure with a sentence for the user that contains the solution. */
class ClusterException(message: String) : Exception(message)

/** State of one node: its health as the load balancer sees it, and its process id, null if it does not run. */
@Serializable
data class NodeState(val name: String, val status: String, val pid: Long?)

/** State of Redis: `answers`, `no answer` or `ended`. */
@Serializable
data class RedisState(val status: String, val port: Int, val pid: Long?)

/** State of all processes. [balancer] is the port of the load balancer. */
@Serializable
data class ClusterState(val nodes: List<NodeState>, val redis: RedisState, val balancer: Int, val isRolling: Boolean)

/** A Redis, three nodes of the chat, and a load balancer in front of them. */
class Cluster private constructor(
    val redis: RedisProcess,
    val nodes: List<NodeProcess>,
    val balancer: LoadBalancer,
) : AutoCloseable {
    private val rolling = Mutex()
    private val mutableState =
        MutableStateFlow(
            ClusterState(
                nodes.map { NodeState(it.name, "starting", it.pid) },
                RedisState("answers", redis.port, redis.pid),
                balancer.port,
                isRolling = false,
            ),
        )

    /** The result of the last checks. */
    val state: StateFlow<ClusterState> = mutableState.asStateFlow()

    /** Starts the nodes, and runs the load balancer and its health checks until it is cancelled. */
    suspend fun run(): Unit =
        coroutineScope {
            launch { balancer.run() }
            for (node in nodes) node.start()
            while (true) {
                mutableState.value = check()
                delay(CHECK_INTERVAL)
            }
        }

    /**
     * Restarts one node after the other without lost messages: drains it, starts it again and waits until it is ready.
     * Stops at a node that does not become ready, so that the others keep running. Does nothing while it already runs.
     */
    suspend fun roll() {
        if (!rolling.tryLock()) return
        try {
            for (node in nodes) {
                node.drain()
                node.start()
                withTimeoutOrNull(READY_TIMEOUT) { awaitReady(node) } ?: return
            }
        } finally {
            rolling.unlock()
        }
    }

    /** Waits until [node] is ready, as the process that it is now. */
    suspend fun awaitReady(node: NodeProcess) {
        val pid = node.pid
        state.first { now -> NodeState(node.name, "ready", pid) in now.nodes }
    }

    private suspend fun check(): ClusterState =
        coroutineScope {
            val nodeStates = nodes.map { node -> async { NodeState(node.name, node.check(), node.pid) } }
            val redisStatus =
                when {
                    redis.pid == null -> "ended"
                    redis.answers() -> "answers"
                    else -> "no answer"
                }
            val redisState = RedisState(redisStatus, redis.port, redis.pid)
            ClusterState(nodeStates.awaitAll(), redisState, balancer.port, rolling.isLocked)
        }

    /** Ends all processes. */
    override fun close() {
        balancer.close()
        for (process in nodes + redis) process.close()
    }

    companion object {
        private val CHECK_INTERVAL = 250.milliseconds
        private val READY_TIMEOUT = 1.minutes

        /**
         * Opens the port of the load balancer and starts Redis; [run] starts the nodes.
         *
         * @param pageOrigin origin of the page that may connect to the nodes
         * @param balancerPort 0 picks a free port
         * @throws ClusterException if the port is in use, or Redis does not start
         */
        suspend fun start(pageOrigin: String, balancerPort: Int, redis: RedisProcess = RedisProcess()): Cluster {
            val nodes = listOf("A", "B", "C").map { NodeProcess(it, redis.url, pageOrigin) }
            val balancer =
                try {
                    LoadBalancer.bind(balancerPort) { nodes.mapNotNull { it.readyPort } }
                } catch (_: BindException) {
                    throw portInUse("BALANCER_PORT", balancerPort, "load balancer")
                }
            val cluster = Cluster(redis, nodes, balancer)
            try {
                redis.start()
            } catch (failure: ClusterException) {
                cluster.close()
                throw failure
            }
            return cluster
        }

        fun portInUse(variable: String, port: Int, user: String): ClusterException =
            ClusterException("Port $port of the $user is in use. Select another one: $variable=${port + 1000} mvn ...")
    }
}
