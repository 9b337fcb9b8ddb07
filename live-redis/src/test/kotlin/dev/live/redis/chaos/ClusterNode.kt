package dev.live.redis.chaos

import dev.live.protocol.Body
import dev.live.redis.RedisBroker
import dev.live.redis.RedisBrokerException
import dev.live.redis.support.TcpProxy
import dev.live.server.Live
import dev.live.server.broker.BrokerState
import dev.live.server.live
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * A node: a whole server on a real socket, with a link of its own to Redis. It keeps its port. Its own publishers
 * publish to all topics.
 */
internal class ClusterNode(
    private val number: Int,
    redisPort: Int,
    private val namespace: String,
    private val ledger: Ledger,
    private val scope: CoroutineScope,
) : AutoCloseable {
    val link = TcpProxy(redisPort)
    private lateinit var running: EmbeddedServer<*, *>
    private lateinit var broker: RedisBroker
    private var publishers: List<Job> = emptyList()
    private var starts = 0

    /** Whether the load balancer uses this node. */
    @Volatile
    var isServing = false
        private set

    @Volatile
    private var isPublishing = false

    @Volatile
    var port = 0
        private set

    private val application: Application get() = running.application

    val isConnected: Boolean get() = broker.status.state == BrokerState.Connected

    val outbox: Int get() = broker.status.outbox

    suspend fun start() {
        broker = broker(link.url, namespace)
        running = withContext(Dispatchers.IO) { newServer(port, broker).start(wait = false) }
        port = running.engine.resolvedConnectors().single().port
        starts++
        isServing = true
    }

    fun startPublishers() {
        isPublishing = true
        val random = Random(number * 1_000 + starts)
        publishers = TOPICS.map { topic ->
            val publisher = "$topic node $number start $starts"
            val application = application
            scope.launch {
                while (isPublishing) {
                    ledger.record(publisher, publish(application, topic, "$publisher#${ledger.next(publisher)}"))
                    delay(random.nextInt(5, 40).milliseconds)
                }
            }
        }
    }

    /** Publishes a last message to all topics. */
    suspend fun publishLast() {
        for (topic in TOPICS) {
            val publisher = "$topic node $number last"
            while (true) {
                val outcome = publish(application, topic, "$publisher#${ledger.next(publisher)}")
                ledger.record(publisher, outcome)
                if (outcome == Outcome.Acked) break
            }
        }
    }

    private suspend fun publish(application: Application, topic: String, text: String): Outcome =
        try {
            application.live.topic(topic).publish(Body.json("\"$text\""))
            Outcome.Acked
        } catch (_: RedisBrokerException.Unavailable) {
            Outcome.NotPublished
        } catch (_: RedisBrokerException.Unknown) {
            Outcome.Unknown
        } catch (_: Exception) {
            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
            Outcome.Unknown // the server is ending
        }

    suspend fun endPublishers() {
        isPublishing = false
        publishers.joinAll()
    }

    /** Stops the node as a deployment does: its clients are asked to reconnect. */
    suspend fun drain() {
        isServing = false
        stop()
    }

    /** Stops the node without a notice to its clients and to Redis, as far as a server in the same process can. */
    suspend fun kill(balancer: TcpProxy) {
        isServing = false
        link.cut()
        balancer.closeAll(port)
        stop()
        link.restore()
    }

    private suspend fun stop() {
        isPublishing = false
        withContext(Dispatchers.IO) { running.stop(gracePeriodMillis = 0, timeoutMillis = 2_000) }
        publishers.joinAll()
    }

    override fun close(): Unit = link.close()

    companion object {
        val TOPICS = List(3) { "history/$it" }
    }
}

/** A function of its own: in a coroutine scope, the server would be a child of that scope. */
private fun newServer(port: Int, broker: RedisBroker) =
    embeddedServer(Netty, port = port, host = "127.0.0.1") { node(broker) }

private fun broker(url: String, namespace: String) =
    RedisBroker(url) {
        this.namespace = namespace
        probeInterval = 200.milliseconds
        probeTimeout = 1.seconds
        maxReconnectDelay = 300.milliseconds
    }

private fun Application.node(broker: RedisBroker) {
    install(Live) {
        broker(broker)
        drain {
            timeout = 1.seconds
            reconnectWindow = Duration.ZERO..300.milliseconds
        }
        session { queueCapacity = 8_192 } // a slow test machine must not overflow the queue
    }
    routing {
        live<Unit>("/live") {
            topic<String>("history/{number}") { history(size = 1_000_000, age = 1.hours, bytes = 100_000_000) }
        }
    }
}
