package dev.live.benchmarks.load.sync

import dev.live.benchmarks.load.server.EventLoops
import dev.live.benchmarks.load.server.nettyServer
import dev.live.client.LiveClient
import dev.live.server.Live
import dev.live.server.live
import dev.live.sync.client.MemoryCursor
import dev.live.sync.client.SyncLoop
import dev.live.sync.client.SyncState
import dev.live.sync.server.LiveSyncNotifier
import dev.live.sync.server.syncScopes
import io.ktor.client.HttpClient
import io.ktor.client.engine.cio.CIO
import io.ktor.client.request.get
import io.ktor.client.statement.bodyAsText
import io.ktor.server.application.install
import io.ktor.server.response.respondText
import io.ktor.server.routing.get
import io.ktor.server.routing.routing
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.atomic.AtomicLong
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/** One server with a sync engine in memory, and [clients] clients of each kind that sync its one scope. */
internal class SyncRound(private val clients: Int, private val commits: Int) {
    /** One latency for each client and commit. */
    class Latencies(val notified: List<Duration>, val polled: List<Duration>)

    /** The start of a pull and the cursor that it returned. */
    private class Pull(val start: Duration, val reached: ULong)

    private val clock = TimeSource.Monotonic.markNow()
    private val cursor = AtomicLong()

    suspend fun run(): Latencies {
        lateinit var notifier: LiveSyncNotifier
        val server =
            nettyServer("127.0.0.1", port = 0, EventLoops.Default) {
                install(Live)
                notifier = LiveSyncNotifier(live, source = { cursor.get().toULong() })
                routing {
                    live<Unit>("/live") { syncScopes(notifier) { _, _ -> true } }
                    get("/changes") { call.respondText(cursor.get().toString()) }
                }
            }.startSuspend(wait = false)
        val port = server.engine.resolvedConnectors().single().port
        try {
            return HttpClient(CIO).use { http ->
                measured(notifier, port) { http.get("http://127.0.0.1:$port/changes").bodyAsText().toULong() }
            }
        } finally {
            server.stopSuspend(gracePeriodMillis = 0, timeoutMillis = 1_000)
        }
    }

    private suspend fun measured(notifier: LiveSyncNotifier, port: Int, changes: suspend () -> ULong): Latencies =
        coroutineScope {
            val notified = List(clients) { CopyOnWriteArrayList<Pull>() }
            val polled = List(clients) { CopyOnWriteArrayList<Pull>() }
            val lives = List(clients) { LiveClient("ws://127.0.0.1:$port/live") }
            val loops = lives.zip(notified) { live, pulls ->
                SyncLoop(live, SCOPE, MemoryCursor(), poll = 10.minutes) { pull(pulls, changes) }
            }
            loops.forEach { launch { it.run() } }
            polled.forEach { pulls -> launch { poll(pulls, changes) } }
            loops.forEach { loop -> loop.state.first { it is SyncState.InSync } }
            val times = List(commits) { commit(notifier) }
            delay(POLL * 3) // lets all clients pull the last commit
            coroutineContext.cancelChildren()
            lives.forEach { it.close() }
            Latencies(notified.flatMap { of(it, times) }, polled.flatMap { of(it, times) })
        }

    private suspend fun commit(notifier: LiveSyncNotifier): Duration {
        delay(Random.nextLong(200, 400))
        val time = clock.elapsedNow()
        notifier.notify(SCOPE, cursor.incrementAndGet())
        return time
    }

    private suspend fun pull(pulls: MutableList<Pull>, changes: suspend () -> ULong): ULong {
        val start = clock.elapsedNow()
        return changes().also { pulls += Pull(start, it) }
    }

    private suspend fun poll(pulls: MutableList<Pull>, changes: suspend () -> ULong) {
        delay(POLL * Random.nextDouble()) // spreads the clients over the interval
        while (true) {
            pull(pulls, changes)
            delay(POLL)
        }
    }

    private fun of(pulls: List<Pull>, commits: List<Duration>): List<Duration> =
        commits.mapIndexed { n, at ->
            val found = checkNotNull(pulls.find { it.reached > n.toULong() }) { "commit $n was never pulled" }
            (found.start - at).coerceAtLeast(Duration.ZERO)
        }

    private companion object {
        const val SCOPE = "list/1"
        val POLL = 1.seconds
    }
}
