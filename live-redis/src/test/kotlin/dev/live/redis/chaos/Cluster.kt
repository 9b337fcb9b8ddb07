package dev.live.redis.chaos

import dev.live.redis.support.RedisServer
import dev.live.redis.support.TcpProxy
import dev.live.redis.support.newNamespace
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.withClue
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/** Three nodes on one Redis, and clients of all topics behind a load balancer. Publishers on all nodes. */
internal class Cluster(val redis: RedisServer, clientCount: Int, scope: CoroutineScope) {
    val ledger = Ledger()
    private val namespace = newNamespace()
    val nodes = List(NODES) { ClusterNode(it, redis.port, namespace, ledger, scope) }
    private val turn = AtomicInteger()

    /** Each connection leads to the next node that is in service. */
    val balancer =
        TcpProxy(targetPort = 0) {
            val ports = nodes.filter { it.isServing }.map { it.port }
            if (ports.isEmpty()) UNUSED_PORT else ports[turn.getAndIncrement().mod(ports.size)]
        }
    val clients by lazy { List(clientCount) { ClusterClient(it, balancer.port, ledger, scope) } }

    suspend fun start() {
        nodes.forEach { it.start() }
        withTimeout(WAIT) { while (!clients.all { it.isSubscribed }) delay(10.milliseconds) }
        nodes.forEach { it.startPublishers() }
    }

    /** Starts a node that was stopped. It is in service when it has reached Redis. */
    suspend fun restart(node: ClusterNode) {
        node.start()
        withTimeout(WAIT) { while (!node.isConnected) delay(10.milliseconds) }
        node.startPublishers()
    }

    /** Ends all publishers, and compares the messages at the clients with those that were published. */
    suspend fun check() {
        withClue("publishers that wait without an end") {
            withTimeout(WAIT) { nodes.forEach { it.endPublishers() } }
        }
        withTimeout(WAIT) { while (!nodes.all { it.isConnected }) delay(10.milliseconds) }
        nodes.forEach { it.publishLast() }
        val last = ledger.publishers.filter { it.endsWith("last") }
        eventually(WAIT) {
            withClue("clients without the last messages") { clients.count { !it.hasAll(last) } shouldBe 0 }
        }
        nodes.sumOf { it.outbox } shouldBe 0
        clients.flatMap { client -> client.topics.flatMap { it.errors() } }.take(20).shouldBeEmpty()
    }

    suspend fun stop() {
        clients.forEach { it.close() }
        nodes.forEach { it.drain() }
        balancer.close()
        nodes.forEach { it.close() }
        eventually(WAIT) { redis.command("PUBSUB", "CHANNELS", "*") shouldBe emptyList<String>() }
        val expected =
            ClusterNode.TOPICS.flatMap { topic ->
                listOf("meta", "stream", "publishers").map { "live:$namespace:{t:$topic}:$it" }
            } + "live:$namespace:{t:}:nodes" // the heartbeats, which expire
        redis.keys().filterNot { it in expected }.shouldBeEmpty()
    }

    private companion object {
        const val NODES = 3
        const val UNUSED_PORT = 1
    }
}

/** Only a hang reaches it, although many clients reconnect at the same time. */
private val WAIT = 5.minutes

/** Runs [test] with a cluster, checks its messages, and that it leaves no threads. */
internal suspend fun withCluster(redis: RedisServer, clients: Int, test: suspend Cluster.() -> Unit) {
    withContext(Dispatchers.Default) {
        coroutineScope {
            val cluster = Cluster(redis, clients, this)
            cluster.start()
            cluster.test()
            cluster.check()
            cluster.stop()
            coroutineContext.cancelChildren()
        }
    }
    eventually(WAIT) {
        Thread.getAllStackTraces().keys.map { it.name }.filter { it.startsWith("lettuce") }.shouldBeEmpty()
    }
}
