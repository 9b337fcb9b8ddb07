package dev.live.benchmarks.load.soak

import dev.live.client.LiveClient
import dev.live.client.connection.ConnectionState
import dev.live.client.topic.CollectorOverflow
import dev.live.client.topic.TopicUpdate
import dev.live.protocol.LiveException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.launch
import kotlinx.coroutines.runInterruptible
import java.net.InetSocketAddress
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds

/**
 * All client activity against one server at [address], until [scope] ends. Some clients stay connected and measure
 * latency. Others connect and disconnect, reset their connection or do not read.
 */
internal class Churn(
    private val scope: CoroutineScope,
    private val address: InetSocketAddress,
    private val counts: SoakCounters,
    private val latencies: Latencies,
    seed: Int,
) {
    private val random = Random(seed)
    private val faulty = FaultyClients(address, counts)
    private val url = "ws://${address.hostString}:${address.port}/live"

    /** @param watchers number of clients that stay connected */
    fun start(watchers: Int) {
        repeat(watchers) { watcher -> scope.launch { watch("room/${watcher % ROOMS}") } }
        scope.launch { publish() }
        repeat(SUBSCRIBERS) { scope.launch { subscribeAndUnsubscribe() } }
        repeat(SHORT_LIVED) { scope.launch { connectAndClose() } }
        repeat(RESETTING) { repeatedly { faulty.drop(random) } }
        repeat(STALLED) { repeatedly { faulty.stall() } }
        repeat(EVENT_READERS) { repeatedly { faulty.readEvents(random) } }
    }

    private fun repeatedly(block: () -> Unit) {
        scope.launch(Dispatchers.IO) { while (true) runInterruptible(block = block) }
    }

    private fun client(): LiveClient {
        val live = LiveClient(url)
        scope.launch {
            live.state.takeWhile { it !is ConnectionState.Closed }
                .collect { if (it is ConnectionState.Connected) counts.connected.increment() }
        }
        return live
    }

    /** Counts deliveries. Messages recovered after a reconnect do not count for the latency. */
    private suspend fun watch(room: String) {
        var since = Long.MAX_VALUE
        client().topic<Tick>(room).updates.collect { update ->
            val now = System.nanoTime()
            when (update) {
                is TopicUpdate.Subscribed -> since = now
                is TopicUpdate.Received -> {
                    counts.delivered.increment()
                    if (update.value.at >= since) latencies.record(now - update.value.at)
                }
            }
        }
    }

    private suspend fun publish() {
        val live = client()
        while (true) {
            delay(PUBLISH_EVERY)
            // server restarts are part of the test
            ignoringFailures { live.topic<Tick>("room/${random.nextInt(ROOMS)}").publish(Tick(System.nanoTime())) }
        }
    }

    private suspend fun subscribeAndUnsubscribe() {
        val live = client()
        while (true) {
            val room = live.topic<Tick>("room/${random.nextInt(ROOMS)}", CollectorOverflow.DropOldest)
            val collecting =
                scope.launch {
                    ignoringFailures {
                        room.updates.collect { if (it is TopicUpdate.Subscribed) counts.subscribed.increment() }
                    }
                }
            delay(random.nextInt(50, 2_000).milliseconds)
            collecting.cancel()
            ignoringFailures { live.request<String, String>("echo", "hello") }
        }
    }

    private suspend fun connectAndClose() {
        while (true) {
            val live = client()
            val collecting = scope.launch {
                ignoringFailures { live.topic<String>("lobby/all").presence<Unit>().collect {} }
            }
            delay(random.nextInt(100, 3_000).milliseconds)
            live.close()
            collecting.cancel()
            counts.closed.increment()
        }
    }

    private suspend fun ignoringFailures(block: suspend () -> Unit) {
        try {
            block()
        } catch (_: LiveException) {
            // the connection was lost, or the server was not reachable in time
        }
    }

    private companion object {
        const val SUBSCRIBERS = 4
        const val SHORT_LIVED = 4
        const val RESETTING = 3
        const val STALLED = 2
        const val EVENT_READERS = 2
        val PUBLISH_EVERY = 10.milliseconds
    }
}
