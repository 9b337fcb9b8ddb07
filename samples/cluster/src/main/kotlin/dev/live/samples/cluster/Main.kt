package dev.live.samples.cluster

import dev.live.samples.shared.portOf
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.topic.publish
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.engine.embeddedServer
import io.ktor.server.http.content.staticResources
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.slf4j.LoggerFactory
import java.net.BindException
import java.net.InetAddress
import java.net.ServerSocket
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.milliseconds

/** Starts the cluster, and serves its page on the port in `PORT`, 8080 by default. */
fun main() {
    try {
        runBlocking(Dispatchers.Default) {
            val port = portOf("PORT", 8080)
            startCluster(port, portOf("BALANCER_PORT", port + 1))
        }
    } catch (failure: ClusterException) {
        System.err.println(failure.message)
        exitProcess(1)
    }
}

private suspend fun startCluster(port: Int, balancerPort: Int) {
    try {
        ServerSocket(port, 1, InetAddress.getLoopbackAddress()).close()
    } catch (_: BindException) {
        throw Cluster.portInUse("PORT", port, "page")
    }
    Cluster.start("http://localhost:$port", balancerPort).use { cluster ->
        // reachable from this machine only, because every user of the page can end processes
        embeddedServer(Netty, port = port, host = "127.0.0.1") { page(cluster) }.start(wait = false)
        LoggerFactory.getLogger("samples").info(
            "The cluster sample is running at http://localhost:{}, and the chat at http://localhost:{}",
            port,
            cluster.balancer.port,
        )
        cluster.run()
    }
}

/** The page of the cluster: publishes its state, and accepts commands. */
fun Application.page(cluster: Cluster) {
    val background: CoroutineScope = this
    install(Live)
    routing {
        live<Unit>("/cluster") {
            fun forNode(type: String, action: (NodeProcess) -> Unit) =
                request<String, Boolean>(type) { name ->
                    action(cluster.nodes.find { it.name == name } ?: reject("no node '$name'"))
                    true
                }

            authenticate { }
            topic<ClusterState>("state") {
                onPublish { reject("only the server publishes the state") }
                conflate { "newest" }
            }
            forNode("kill") { it.kill() }
            forNode("start") { it.start() }
            forNode("drain") { background.launch { it.drain() } }
            request<String, Boolean>("redis") { action ->
                when (action) {
                    "pause" -> cluster.redis.pause()
                    "resume" -> cluster.redis.resume()
                    "start" -> cluster.redis.start()
                    else -> reject("no action '$action'")
                }
                true
            }
            request<String, Boolean>("roll") { background.launch { cluster.roll() }.isActive }
        }
        staticResources("/shared", "web/shared")
        staticResources("/", "cluster")
    }
    launch {
        while (true) {
            live.topic("state").publish(cluster.state.value)
            delay(PUBLISH_INTERVAL)
        }
    }
}

private val PUBLISH_INTERVAL = 250.milliseconds
