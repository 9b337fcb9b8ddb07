package dev.live.samples.cluster

import dev.live.client.topic.Recovery
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeUnique
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldNotContain
import io.kotest.matchers.shouldBe
import io.kotest.matchers.shouldNotBe
import io.kotest.matchers.string.shouldContain
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import java.net.InetAddress
import java.net.ServerSocket

/** A real Redis, and three nodes in processes of their own. */
class ClusterTest : FunSpec({

    test("a message crosses nodes, and the client of a killed node continues on another one without a gap") {
        withCluster { cluster ->
            val ann = Listener(this, cluster, "Ann")
            val bob = Listener(this, cluster, "Bob")
            ann.node shouldNotBe bob.node

            ann.publish("before")
            bob.textsUntil("before") shouldContainExactly listOf("before")
            bob.lastSentOn shouldBe ann.node

            val killed = bob.node
            cluster.nodes.single { it.name == killed }.kill()
            val during = List(20) { "during $it" }
            for (text in during) ann.publish(text) shouldBe true

            bob.textsUntil(during.last()) shouldContainExactly during
            bob.node shouldNotBe killed
            bob.recoveries shouldContainExactly listOf(Recovery.First, Recovery.Recovered)

            cluster.nodes.single { it.name == killed }.start()
            cluster.awaitReady(cluster.nodes.single { it.name == killed })
            ann.close()
            bob.close()
        }
    }

    test("a restart of all nodes, one after the other, loses and repeats nothing") {
        withCluster { cluster ->
            val ann = Listener(this, cluster, "Ann")
            val bob = Listener(this, cluster, "Bob")
            val before = cluster.state.value.nodes.map { it.pid }

            val confirmed = mutableListOf<String>()
            val rolling = launch { cluster.roll() }
            var number = 0
            while (rolling.isActive) "${number++}".let { if (ann.publish(it)) confirmed += it }
            while (!ann.publish(LAST)) number++

            for (received in listOf(ann.textsUntil(LAST), bob.textsUntil(LAST))) {
                received.shouldBeUnique()
                received.filter { it in confirmed } shouldContainExactly confirmed
            }
            (ann.recoveries + bob.recoveries) shouldNotContain Recovery.Gap
            cluster.nodes.map { it.pid }.filter { it in before } shouldBe emptyList()
            ann.close()
            bob.close()
        }
    }

    test("messages wait while Redis is stopped, and are delivered when it continues") {
        withCluster { cluster ->
            val ann = Listener(this, cluster, "Ann")
            val bob = Listener(this, cluster, "Bob")

            cluster.redis.pause()
            cluster.state.first { it.redis.status == "no answer" }
            val isConfirmed = async(start = CoroutineStart.UNDISPATCHED) { ann.publish(LAST) }
            cluster.redis.resume()

            isConfirmed.await() shouldBe true
            bob.textsUntil(LAST) shouldContainExactly listOf(LAST)
            (ann.recoveries + bob.recoveries) shouldNotContain Recovery.Gap
            ann.close()
            bob.close()
        }
    }

    test("a used port of the load balancer is an error with the solution") {
        ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { used ->
            val failure = shouldThrow<ClusterException> { Cluster.start("http://localhost", used.localPort) }

            failure.message shouldContain "Port ${used.localPort} of the load balancer is in use"
            failure.message shouldContain "BALANCER_PORT="
        }
    }
})

private const val LAST = "last"

/** Runs [test] with a cluster whose nodes are ready. */
private suspend fun withCluster(test: suspend CoroutineScope.(Cluster) -> Unit): Unit =
    Cluster.start("http://localhost:1", balancerPort = 0).use { cluster ->
        coroutineScope {
            val running = launch { cluster.run() }
            withTimeout(HANG_TIMEOUT) { cluster.state.first { now -> now.nodes.all { it.status == "ready" } } }
            test(cluster)
            running.cancel()
        }
    }
