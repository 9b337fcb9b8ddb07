package dev.live.benchmarks.soak

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
 * Everything that clients do to one server at [address], for as long as [scope] lives: some stay and are measured, others
 * come and go, break off or do not read.
 */
internal class Churn(
    private val scope: CoroutineScope,
    private val address: InetSocketAddress,
    private val counts: Counts,
    private val latencies: Latencies,
    seed: Int,
) {
    private val random = Random(seed)
    private val raw = RawClients(address, counts)
    private val url = "ws://${address.hostString}:${address.port}/live"

    /** @param watchers clients that stay */
    fun start(watchers: Int) {
        repeat(watchers) { watcher -> scope.launch { watch("room/${watcher % ROOMS}") } }
        scope.launch { publish() }
        repeat(JOINERS) { scope.launch { joinAndLeave() } }
        repeat(NEWCOMERS) { scope.launch { comeAndGo() } }
        repeat(DROPPERS) { repeatedly { raw.drop(random) } }
        repeat(STALLERS) { repeatedly { raw.stall() } }
        repeat(LISTENERS) { repeatedly { raw.listen(random) } }
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

    /** What it gets again after a reconnect says nothing about latency. */
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
            // a restart of the server is part of the plan
            ignoringRefusals { live.topic<Tick>("room/${random.nextInt(ROOMS)}").publish(Tick(System.nanoTime())) }
        }
    }

    private suspend fun joinAndLeave() {
        val live = client()
        while (true) {
            val room = live.topic<Tick>("room/${random.nextInt(ROOMS)}", CollectorOverflow.DropOldest)
            val collecting =
                scope.launch {
                    ignoringRefusals {
                        room.updates.collect { if (it is TopicUpdate.Subscribed) counts.joined.increment() }
                    }
                }
            delay(random.nextInt(50, 2_000).milliseconds)
            collecting.cancel()
            ignoringRefusals { live.request<String, String>("echo", "hello") }
        }
    }

    private suspend fun comeAndGo() {
        while (true) {
            val live = client()
            val collecting = scope.launch {
                ignoringRefusals { live.topic<String>("lobby/all").presence<Unit>().collect {} }
            }
            delay(random.nextInt(100, 3_000).milliseconds)
            live.close()
            collecting.cancel()
            counts.closed.increment()
        }
    }

    private suspend fun ignoringRefusals(block: suspend () -> Unit) {
        try {
            block()
        } catch (_: LiveException) {
            // the connection broke, or the server was not there in time
        }
    }

    private companion object {
        const val JOINERS = 4
        const val NEWCOMERS = 4
        const val DROPPERS = 3
        const val STALLERS = 2
        const val LISTENERS = 2
        val PUBLISH_EVERY = 10.milliseconds
    }
}
