package dev.live.chaos

import dev.live.client.LiveClient
import dev.live.client.connection.Network
import dev.live.client.connection.NetworkMonitor
import dev.live.test.awaitUntil
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/** How long it takes from the moment that a network is back until a client has its first message: prints and asserts nothing. */
fun main(): Unit =
    runBlocking(Dispatchers.Default) {
        for (isTold in listOf(true, false)) {
            val times = ReturnTimes(isTold).measure().sorted()
            println(
                "${times.size} returns, ${if (isTold) "told by a NetworkMonitor" else "by backoff alone"}: " +
                    "median ${times[times.size / 2]}, p99 ${times[times.size * 99 / 100 - 1]}",
            )
        }
    }

private class ReturnTimes(private val isTold: Boolean) {
    private val server = ChaosServer()
    private val proxy = ChaosProxy { server.port }
    private val network = MutableStateFlow<Network>(Network.Available("0"))
    private val ledger = Ledger()
    private val arrivals = List(CLIENTS) { Channel<TimeSource.Monotonic.ValueTimeMark>(Channel.CONFLATED) }

    suspend fun measure(): List<Duration> =
        coroutineScope {
            server.start()
            val clients = List(CLIENTS) { client(it) }
            val collecting =
                clients.mapIndexed { i, client ->
                    launch {
                        client.topic<Entry>(logOf(0)).messages.collect {
                            arrivals[i].trySend(TimeSource.Monotonic.markNow())
                        }
                    }
                }
            awaitUntil("all have subscribed", 30.seconds) { server.subscribers(logOf(0)) == CLIENTS }
            val publishing =
                launch {
                    server.publishWhile(ledger) { true }
                }
            val times = (1..ROUNDS).flatMap { round(it) }
            publishing.cancelAndJoin()
            clients.forEach { it.close() }
            collecting.forEach { it.cancelAndJoin() }
            server.stop()
            proxy.close()
            times
        }

    private fun client(number: Int): LiveClient =
        LiveClient("ws://127.0.0.1:${proxy.port}/live?client=$number") {
            if (isTold) networkMonitor = NetworkMonitor { network }
        }

    private suspend fun round(number: Int): List<Duration> =
        coroutineScope {
            proxy.refuse()
            proxy.toAll { cut(isReset = true) }
            network.value = Network.None
            delay(AWAY)
            arrivals.forEach { it.tryReceive() } // what came before the cut
            val back = TimeSource.Monotonic.markNow()
            proxy.accept()
            network.value = Network.Available("$number")
            val times = arrivals.map { async { it.receive() - back } }.map { it.await() }
            delay(SETTLED) // the attempts count anew once a connection has stood for 5 s
            times
        }

    private companion object {
        const val CLIENTS = 10
        const val ROUNDS = 10
        val AWAY = 2_000.milliseconds
        val SETTLED = 6.seconds
    }
}
