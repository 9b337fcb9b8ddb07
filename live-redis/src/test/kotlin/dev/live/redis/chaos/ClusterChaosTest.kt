package dev.live.redis.chaos

import dev.live.redis.support.RedisServer
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.delay
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/**
 * A cluster with every kind of failure. Each client of a topic with a history receives every acknowledged message
 * exactly once and in the order of the topic, or is notified of a gap where it misses one.
 */
class ClusterChaosTest : FunSpec({
    val length = System.getProperty("live.chaos.minutes", "0").toInt().minutes
    val seed = System.getProperty("live.chaos.seed", "5").toInt()
    val clients = System.getProperty("live.chaos.clients", "12").toInt()

    for (isPersistent in listOf(true, false)) {
        val kind = if (isPersistent) "that stores every message" else "without persistence"

        test("clients miss nothing without a gap while nodes, links and a Redis $kind fail, seed $seed")
            .config(timeout = length + 10.minutes, invocationTimeout = length + 10.minutes) {
                RedisServer(isPersistent).use { redis ->
                    withCluster(redis, clients) {
                        val faults = inject(Random(seed), length)

                        val losses = if (isPersistent) 0 else faults.count { it.losesData }
                        check()
                        val result = describe(faults)
                        println("cluster chaos, Redis $kind, seed $seed: $result")
                        withClue(result) {
                            faults shouldContainAll Fault.entries
                            this.clients.maxOf { client -> client.topics.maxOf { it.gaps } } shouldBeLessThanOrEqual
                                losses
                            this.clients.sumOf { it.recoveries } shouldBeGreaterThan 0
                        }
                    }
                }
            }
    }

    test("a rolling restart of all nodes loses and repeats nothing, and is no gap") {
        RedisServer(isPersistent = true).use { redis ->
            withCluster(redis, clients) {
                val rounds = if (length == Duration.ZERO) 1 else ROUNDS
                repeat(rounds) {
                    for (node in nodes) {
                        delay(500.milliseconds)
                        node.drain()
                        restart(node)
                    }
                }

                check()
                this.clients.sumOf { it.gaps } shouldBe 0
                val silences = this.clients.map { it.longestSilence }.sorted()
                println(
                    "rolling restart, $rounds rounds of ${nodes.size} nodes: ${ledger.count(Outcome.Acked)} " +
                        "messages, longest silence of a topic at a client ${silences.last()}, " +
                        "99th percentile ${silences[(silences.size * 99 + 99) / 100 - 1]}",
                )
            }
        }
    }
})

/** All kinds of failures in a random order, again and again for [length]. */
private suspend fun Cluster.inject(random: Random, length: Duration): List<Fault> {
    val start = TimeSource.Monotonic.markNow()
    val faults = ArrayList<Fault>()
    do {
        for (fault in Fault.entries.shuffled(random)) {
            delay(random.nextInt(50, 500).milliseconds)
            faults += fault
            fault.inject(this, random)
        }
    } while (start.elapsedNow() < length)
    delay(1.seconds)
    return faults
}

private fun Cluster.describe(faults: List<Fault>): String =
    "${faults.size} failures, ${clients.size} clients, ${ledger.count(Outcome.Acked)} acknowledged, " +
        "${ledger.count(Outcome.Unknown)} unknown, ${ledger.count(Outcome.NotPublished)} not published, " +
        "${clients.sumOf { it.recoveries }} recoveries, ${clients.sumOf { it.gaps }} gaps"

private const val ROUNDS = 10
