package dev.live.redis

import dev.live.protocol.Position
import dev.live.redis.support.BOUNDS
import dev.live.redis.support.HANG_TIMEOUT
import dev.live.redis.support.RedisCluster
import dev.live.redis.support.RedisServer
import dev.live.redis.support.TestNode
import dev.live.redis.support.awaitReason
import dev.live.redis.support.newNamespace
import dev.live.redis.support.texts
import dev.live.redis.support.withNodes
import dev.live.server.broker.BrokerState
import dev.live.server.broker.WhileBrokerAway
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Several masters: topics on all of them, slots that move, masters that are lost. */
class RedisClusterTest : FunSpec({
    clusterTests("plain channels", isSharded = false)
    clusterTests("sharded channels", isSharded = true)

    test("a cluster and a single server are errors for the scheme of the other") {
        RedisCluster().use { cluster ->
            awaitReason(cluster.nodes[0].server.url, "is a node of a cluster. Use the scheme redis-cluster.")
        }
        RedisServer().use { redis ->
            awaitReason(
                redis.url.replace("redis:", "redis-cluster:"),
                "is not a node of a cluster. Use the scheme redis instead of redis-cluster.",
            )
        }
    }

    test("a cluster whose nodes cannot be reached") {
        awaitReason("redis-cluster://127.0.0.1:1,127.0.0.1:2", "does not accept connections")
    }

    test("a cluster that has lost a master without a replica is down, and its publishers receive that reason") {
        RedisCluster(failsFast = true).use { cluster ->
            val node = TestNode(cluster.url, newNamespace()) { timeout = 1.seconds }
            withNodes(node) {
                eventually(HANG_TIMEOUT) { node.broker.status.state shouldBe BrokerState.Connected }
                cluster.masters[2].server.kill()

                eventually(HANG_TIMEOUT) {
                    val topic = List(100) { "t$it" }.first { cluster.masterOf(it) === cluster.masters[0] }
                    shouldThrow<RedisBrokerException.Unavailable> { node.publish(topic, "x") }
                        .reason shouldContain "is down"
                }
                node.broker.status.state shouldBe BrokerState.Away
            }
        }
    }

    test("sharded with a URL of a single server is an error") {
        shouldThrow<IllegalArgumentException> {
            RedisBroker("redis://localhost") {
                namespace = "test"
                sharded = true
            }
        }.message shouldBe "sharded is true, but the Redis URL is not that of a cluster. Use the scheme redis-cluster."
    }
})

private fun FunSpec.clusterTests(name: String, isSharded: Boolean) {
    val lazyCluster = lazy { RedisCluster() }

    afterSpec { if (lazyCluster.isInitialized()) lazyCluster.value.close() }

    context(name) {
        val cluster = lazyCluster.value

        fun node(namespace: String, configure: RedisBrokerConfig.() -> Unit = {}) =
            TestNode(cluster.url, namespace) {
                sharded = isSharded
                configure()
            }

        test("topics of all masters are shared by the nodes, with and without histories") {
            val namespace = newNamespace()
            val a = node(namespace)
            val b = node(namespace)
            withNodes(a, b) {
                val topics = List(30) { "topic$it" }
                for (topic in topics) b.broker.subscribe(topic, if (topic.endsWith("1")) null else BOUNDS)

                topics.map { async { a.publish(it, it, if (it.endsWith("1")) null else BOUNDS) } }.awaitAll()

                List(topics.size) { b.nextText() } shouldContainExactlyInAnyOrder topics
                topics.map { cluster.masterOf(it) }.toSet() shouldHaveSize 3
                b.history("topic0", since = null).texts() shouldContainExactly listOf("topic0")
                b.broker.status.state shouldBe BrokerState.Connected
            }
        }

        test("a topic whose slot moves loses and repeats nothing, and its publishers wait") {
            val namespace = newNamespace()
            val publisher = node(namespace)
            val subscriber = node(namespace)
            withNodes(publisher, subscriber) {
                val topic = "moving"
                val start = subscriber.broker.subscribe(topic, BOUNDS).shouldNotBeNull()
                val target = cluster.masters.first { it !== cluster.masterOf(topic) }
                val sent = ArrayList<String>()
                val publishing = launch {
                    while (isActive) "${sent.size}".let { text -> publisher.publish(topic, text).also { sent += text } }
                }
                List(50) { subscriber.nextText() }

                cluster.move(topic, target)

                subscriber.nextInterruption() shouldBe topic
                val moved = sent.size
                eventually(HANG_TIMEOUT) { (sent.size > moved + 50) shouldBe true }
                publishing.cancel()
                publishing.join()
                val read = subscriber.history(topic, start)
                read.isComplete shouldBe true
                read.texts().take(sent.size) shouldContainExactly sent
                read.position.epoch shouldBe publisher.publish(topic, "last").shouldNotBeNull().epoch
                // again if it was missed: masters that do not know the new owner yet may cause further interruptions
                eventually(HANG_TIMEOUT) {
                    publisher.publish(topic, "last").shouldNotBeNull()
                    withTimeoutOrNull(1.seconds) {
                        do {
                            val text = subscriber.nextText()
                        } while (text != "last")
                    }.shouldNotBeNull()
                }
            }
        }

        test("while a slot is moving, publications of a topic whose keys have moved are stored at the target") {
            val namespace = newNamespace()
            val node = node(namespace)
            withNodes(node) {
                val topic = "asked"
                val first = node.publish(topic, "0").shouldNotBeNull()
                val target = cluster.masters.first { it !== cluster.masterOf(topic) }
                val source = cluster.masterOf(topic)
                val during = ArrayList<Position>()

                cluster.move(topic, target) {
                    during += node.publish(topic, "1").shouldNotBeNull()
                    during += node.publish(topic, "2").shouldNotBeNull()
                }

                source.server.keys().filter { topic in it } shouldContainExactly emptyList()
                during.map { it.offset } shouldContainExactly listOf(2L, 3L)
                node.history(topic, first).texts() shouldContainExactly listOf("1", "2")
            }
        }

        test("subscribers of a topic without a history are notified when its slot has moved, and receive later ones") {
            val node = node(newNamespace())
            withNodes(node) {
                val topic = "plain"
                node.broker.subscribe(topic, history = null)
                node.publish(topic, "before", history = null)
                node.nextText() shouldBe "before"

                cluster.move(topic, cluster.masters.first { it !== cluster.masterOf(topic) })

                node.nextInterruption() shouldBe topic
                node.publish(topic, "after", history = null)
                node.nextText() shouldBe "after"
                node.tryNextText().shouldBeNull()
            }
        }

        test("the advised permissions are enough") {
            for (node in cluster.nodes) {
                val permissions = "ACL SETUSER both on >pw ~live:* &live:* +@all -@dangerous +info"
                node.server.command(*permissions.split(' ').toTypedArray(), "+cluster|slots", "+cluster|info")
            }
            val node =
                TestNode(cluster.url.replace("//", "//both:pw@"), newNamespace()) { sharded = isSharded }
            withNodes(node) {
                for (topic in listOf("a", "b", "c")) {
                    node.broker.subscribe(topic, BOUNDS)
                    node.publish(topic, topic)
                    node.nextText() shouldBe topic
                }
            }
        }

        test("a channel is unsubscribed after the linger") {
            val namespace = newNamespace()
            val node = node(namespace) { linger = 50.milliseconds }
            withNodes(node) {
                for (topic in listOf("a", "b", "c")) {
                    node.broker.subscribe(topic, history = null)
                    node.broker.unsubscribe(topic)
                }
                node.broker.subscribe("b", history = null)

                eventually(HANG_TIMEOUT) { cluster.channels(namespace, isSharded) shouldHaveSize 1 }

                node.publish("b", "x", history = null)
                node.nextText() shouldBe "x"
            }
        }

        test("local deliveries while a master is away end the epochs of its topics when it is back") {
            val namespace = newNamespace()
            val cut = node(namespace) { timeout = 300.milliseconds }
            val other = node(namespace)
            withNodes(cut, other) {
                cut.broker.subscribe("t", BOUNDS)
                val before = eventually(HANG_TIMEOUT) { cut.publish("t", "before").shouldNotBeNull() }
                val master = cluster.masterOf("t").server
                master.pause()
                // Unknown while the connection for commands is not lost yet
                eventually(HANG_TIMEOUT) {
                    cut.publish("t", "local", whileBrokerAway = WhileBrokerAway.DeliverLocally).shouldBeNull()
                }
                eventually(HANG_TIMEOUT) { cut.tryNextText() shouldBe "local" }

                master.resume()

                eventually(HANG_TIMEOUT) { other.history("t", before).isComplete shouldBe false }
                (other.publish("t", "after").shouldNotBeNull().epoch == before.epoch) shouldBe false
            }
        }

        test("a promoted replica serves the topics of a lost master, whose subscribers are notified") {
            RedisCluster(replicas = 1, failsFast = true).use { replicated ->
                val namespace = newNamespace()
                val nodes = List(2) { TestNode(replicated.url, namespace) { sharded = isSharded } }
                withNodes(*nodes.toTypedArray()) {
                    val (publisher, subscriber) = nodes
                    val topics = List(20) { "t$it" }
                    for (topic in topics) subscriber.broker.subscribe(topic, BOUNDS)
                    for (topic in topics) publisher.publish(topic, "before $topic")
                    List(topics.size) { subscriber.nextText() }
                    val lost = replicated.masters[1]
                    val concerned = topics.filter { replicated.masterOf(it) === lost }

                    lost.server.kill()

                    val interrupted = HashSet<String>()
                    while (!interrupted.containsAll(concerned)) interrupted += subscriber.nextInterruption()
                    for (topic in topics) publisher.publish(topic, "after $topic").shouldNotBeNull()
                    for (topic in topics) subscriber.history(topic, since = null).texts().last() shouldBe "after $topic"
                    val missing = topics.toMutableSet()
                    eventually(HANG_TIMEOUT) {
                        for (topic in missing) publisher.publish(topic, topic)
                        generateSequence { subscriber.tryNextText() }.forEach { missing -= it }
                        missing.shouldBeEmpty()
                    }
                    eventually(HANG_TIMEOUT) { subscriber.broker.status.state shouldBe BrokerState.Connected }
                }
            }
        }
    }
}

private fun RedisCluster.channels(namespace: String, isSharded: Boolean): List<Any?> =
    masters.flatMap {
        it.server.command("PUBSUB", if (isSharded) "SHARDCHANNELS" else "CHANNELS", "live:$namespace:*") as List<*>
    }
