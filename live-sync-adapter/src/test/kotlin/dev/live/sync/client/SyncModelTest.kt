@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.sync.client

import dev.live.client.connection.ReconnectPolicy
import dev.live.sync.support.FakeSyncServer
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.comparables.shouldBeGreaterThan
import io.kotest.matchers.comparables.shouldBeGreaterThanOrEqualTo
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.test.testTimeSource
import java.io.IOException
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/**
 * Random scripts with signals that are lost, delayed, duplicated and reordered, connections that break, and pulls that
 * fail, read lagging replicas or return a part of the changes.
 */
class SyncModelTest : FunSpec({

    for (seed in listOf(1, 2, 3)) {
        test("cursors never decrease and every client catches up on a faulty network (seed $seed)") {
            runTest(timeout = 5.minutes) {
                val random = Random(seed)
                val server = FakeSyncServer(this, seed = seed)
                val live = server.client()
                val collectors = List(3) { mutableListOf<ULong>() }
                val store = MemoryCursor()
                val applied = mutableListOf<ULong>()
                var isPulling = false
                var overlaps = 0
                val loop =
                    SyncLoop(
                        "s",
                        store,
                        60.seconds,
                        ReconnectPolicy { 500.milliseconds },
                        SyncLink.of(live, "s"),
                        random,
                        testTimeSource,
                    ) { since ->
                        if (isPulling) overlaps++
                        isPulling = true
                        try {
                            delay(random.nextLong(300))
                            when (random.nextInt(10)) {
                                0 -> throw IOException("no response")
                                1 -> since // a lagging replica
                                2 -> since + (server.cursor - since) / 2uL // a part of the changes
                                else -> server.cursor
                            }.also { applied += it }
                        } finally {
                            isPulling = false
                        }
                    }
                collectors.forEach { list -> backgroundScope.launch { live.syncSignals("s").collect { list += it } } }
                backgroundScope.launch { loop.run() }
                runCurrent()

                repeat(STEPS) {
                    when (random.nextInt(12)) {
                        in 0..4 -> {
                            server.cursor += random.nextInt(1, 5).toULong()
                            if (random.nextInt(4) != 0) server.signal(server.cursor) // some are lost
                        }
                        5 -> repeat(2) { server.signal(server.cursor) }
                        6 -> server.signal(server.cursor - minOf(server.cursor, random.nextInt(10).toULong()))
                        7 -> if (server.isSubscribed) server.network.wire.cut()
                        8 -> server.network.toClient.latency = random.nextLong(400).milliseconds
                        9 -> server.network.toClient.jitter = random.nextLong(400).milliseconds
                        10 -> server.network.outage = if (random.nextBoolean()) IOException("refused") else null
                        else -> server.sendsWelcome = random.nextBoolean()
                    }
                    advanceTimeBy(random.nextLong(700))
                    runCurrent()
                    store.read() shouldBe minOf(store.read(), server.cursor)
                }
                server.network.outage = null
                server.network.toClient.latency = 0.milliseconds
                server.network.toClient.jitter = 0.milliseconds
                advanceTimeBy(10_000)
                val connections = server.network.connections.size
                // the last signal may have been lost: the poll finds the change
                repeat(20) { if (store.read() < server.cursor) advanceTimeBy(10_000) }
                runCurrent()

                withClue("$connections connections, ${applied.size} pulls") {
                    store.read() shouldBe server.cursor
                    overlaps shouldBe 0
                    loop.state.value.shouldBeInstanceOf<SyncState.InSync>()
                    applied.zipWithNext().forEach { (one, next) -> next shouldBeGreaterThanOrEqualTo one }
                    collectors.forEach { received ->
                        received.zipWithNext().forEach { (one, next) -> next shouldBeGreaterThan one }
                        received.size shouldBeGreaterThan STEPS / 20
                    }
                    connections shouldBeGreaterThan STEPS / 50
                }
            }
        }
    }
})

private const val STEPS = 5_000
