package dev.live.redis

import dev.live.client.LiveClient
import dev.live.client.topic.Recovery
import dev.live.client.topic.TopicUpdate
import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.RedisServer
import dev.live.redis.support.TcpProxy
import dev.live.redis.support.newNamespace
import dev.live.server.Live
import dev.live.server.live
import dev.live.test.testLive
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Whole servers with clients on two nodes. */
class LiveNodesTest : FunSpec({
    val redis = RedisServer(isPersistent = true)

    afterSpec { redis.close() }

    test("clients on two nodes receive each other's messages, in the same order") {
        val namespace = newNamespace()
        testLive({ node(redis.url, namespace) }) {
            val a = this
            testLive({ node(redis.url, namespace) }) {
                val b = this
                val ann = a.connect()
                val bob = b.connect()
                coroutineScope {
                    val atAnn = Inbound(this, ann)
                    val atBob = Inbound(this, bob)
                    listOf(atAnn, atBob).forEach { it.awaitSubscribed() }

                    val sent =
                        listOf("ann" to ann, "bob" to bob)
                            .map { (name, client) ->
                                async {
                                    List(50) {
                                        "$name $it".also { text ->
                                            client.topic<String>(HISTORY).publish(text)
                                        }
                                    }
                                }
                            }.awaitAll()
                            .flatten()

                    val received = atAnn.texts(100)
                    received shouldContainExactlyInAnyOrder sent
                    atBob.texts(100) shouldContainExactly received
                    listOf(atAnn, atBob).forEach { it.close() }
                }
            }
        }
    }

    test("a message to a user reaches the sessions of all nodes") {
        val namespace = newNamespace()
        testLive({ node(redis.url, namespace) }) {
            val a = this
            testLive({ node(redis.url, namespace) }) {
                val direct = connect().run { receivedDirectly() }
                // a node subscribes to the operations of others when it starts, without a signal when it has
                withTimeout(HANG_TIMEOUT) {
                    while (redis.command("PUBSUB", "NUMSUB", "live:$namespace:0/") !=
                        listOf("live:$namespace:0/", 2L)
                    ) {
                        delay(5.milliseconds)
                    }
                }

                a.live.broadcastOnAllNodes(Message("hello"))

                direct.next().type shouldBe "hello"
            }
        }
    }

    test("clients miss nothing and receive nothing twice while links are cut and connections are killed") {
        val namespace = newNamespace()
        TcpProxy(redis.port).use { proxy ->
            testLive({ node(redis.url, namespace) }) {
                val a = this
                testLive({ node(proxy.url, namespace) }) {
                    val b = this
                    coroutineScope {
                        val clients = listOf(a.connect(), b.connect())
                        val inbounds = clients.map { Inbound(this, it) }
                        inbounds.forEach { it.awaitSubscribed() }
                        val publishing = listOf(a, b).mapIndexed { index, node ->
                            async {
                                List(200) {
                                    val text = "$index $it"
                                    node.live.topic(HISTORY).publish(json(text))
                                    delay(5.milliseconds)
                                    text
                                }
                            }
                        }
                        val faults = launch {
                            repeat(6) {
                                delay(150.milliseconds)
                                if (it % 2 == 0) proxy.closeAll() else redis.command("CLIENT", "KILL", "TYPE", "pubsub")
                            }
                        }

                        val sent = publishing.awaitAll().flatten()
                        faults.join()

                        val received = inbounds.map { it.texts(sent.size) }
                        received[0] shouldContainExactlyInAnyOrder sent
                        received[1] shouldContainExactly received[0]
                        inbounds.forEach { it.gaps shouldBe 0 }
                        inbounds.forEach { it.close() }
                    }
                }
            }
        }
    }

    test("a restart of Redis with every message is no gap for subscribers") {
        val namespace = newNamespace()
        RedisServer(isPersistent = true).use { persistent ->
            testLive({ node(persistent.url, namespace) }) {
                coroutineScope {
                    val inbound = Inbound(this, connect())
                    inbound.awaitSubscribed()
                    val sent = ArrayList<String>()
                    repeat(3) { round ->
                        if (round > 0) {
                            persistent.kill()
                            persistent.start()
                        }
                        repeat(2) {
                            "$round $it".let { text ->
                                sent += text
                                live.topic(HISTORY).publish(json(text))
                            }
                        }
                    }

                    inbound.texts(sent.size) shouldContainExactly sent

                    inbound.gaps shouldBe 0
                    inbound.close()
                }
            }
        }
    }

    test("a restart of Redis without persistence is reported to subscribers as a gap, and delivery continues") {
        val namespace = newNamespace()
        RedisServer().use { volatile ->
            testLive({ node(volatile.url, namespace) }) {
                coroutineScope {
                    val inbound = Inbound(this, connect())
                    inbound.awaitSubscribed()
                    live.topic(HISTORY).publish(json("before"))
                    inbound.texts(1) shouldContainExactly listOf("before")

                    volatile.kill()
                    volatile.start()
                    inbound.awaitGap()
                    live.topic(HISTORY).publish(json("after"))

                    inbound.texts(1) shouldContainExactly listOf("after")
                    inbound.close()
                }
            }
        }
    }

    test("a restart of Redis is reported as a gap to subscribers of a topic without a history") {
        val namespace = newNamespace()
        RedisServer().use { volatile ->
            testLive({ node(volatile.url, namespace) }) {
                coroutineScope {
                    val inbound = Inbound(this, connect(), PLAIN)
                    inbound.awaitSubscribed()

                    volatile.kill()
                    volatile.start()
                    inbound.awaitGap()
                    live.topic(PLAIN).publish(json("after"))

                    inbound.texts(1) shouldContainExactly listOf("after")
                    inbound.close()
                }
            }
        }
    }
})

private const val HISTORY = "history"
private const val PLAIN = "plain"

private fun json(text: String) = Body.json("\"$text\"")

private fun Application.node(url: String, namespace: String) {
    install(Live) {
        broker(
            RedisBroker(url) {
                this.namespace = namespace
                probeInterval = 200.milliseconds
                maxReconnectDelay = 100.milliseconds
                timeout = 30.seconds
            },
        )
    }
    routing {
        live<Unit>("/live") {
            topic<String>(HISTORY) { history(size = 1_000) }
            topic<String>(PLAIN)
        }
    }
}

/** The updates of a topic at one client. */
private class Inbound(scope: CoroutineScope, client: LiveClient, topic: String = HISTORY) {
    private val updates = Channel<TopicUpdate<String>>(10_000)
    private val job: Job = scope.launch { client.topic<String>(topic).updates.collect { updates.send(it) } }
    var gaps = 0
        private set

    suspend fun awaitSubscribed() {
        withTimeout(HANG_TIMEOUT) { await { it is TopicUpdate.Subscribed } }
    }

    suspend fun awaitGap() {
        withTimeout(HANG_TIMEOUT) { await { (it as? TopicUpdate.Subscribed)?.recovery == Recovery.Gap } }
    }

    private suspend fun await(condition: (TopicUpdate<String>) -> Boolean) {
        do {
            val update = updates.receive()
        } while (!condition(update))
    }

    suspend fun texts(count: Int): List<String> =
        withTimeout(HANG_TIMEOUT) {
            val texts = ArrayList<String>()
            while (texts.size < count) {
                when (val update = updates.receive()) {
                    is TopicUpdate.Received -> texts += update.value
                    is TopicUpdate.Subscribed -> if (update.recovery == Recovery.Gap) gaps++
                }
            }
            texts
        }

    fun close(): Unit = job.cancel()
}
