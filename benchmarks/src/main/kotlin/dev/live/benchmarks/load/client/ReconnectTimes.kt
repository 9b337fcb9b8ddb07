package dev.live.benchmarks.load.client

import java.util.concurrent.atomic.AtomicLongArray
import kotlin.time.Duration
import kotlin.time.Duration.Companion.nanoseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Measures the time from the end of a network outage to the first message of each client. All kinds of clients share
 * the same outages.
 */
internal class ReconnectTimes(private val kinds: List<ReconnectingClients>, private val clients: Int) {
    /** The times of one outage, by kind of client. */
    class Round(private val times: Map<ReconnectingClients, List<Duration>>) {
        fun of(kind: ReconnectingClients): List<Duration> = times.getValue(kind)
    }

    private val lastReceived = kinds.map { AtomicLongArray(clients) }

    fun start() {
        kinds.forEachIndexed { i, kind ->
            kind.start(clients) { number -> lastReceived[i].set(number, System.nanoTime()) }
        }
        awaitAll(since = 0)
    }

    /** Simulates an outage of [outage] and returns the reconnect times. */
    fun round(outage: Duration): Round {
        Thread.sleep(STABLE_TIME.inWholeMilliseconds) // until every kind of client has reset its attempt counter
        kinds.forEach { it.dropNetwork() }
        Thread.sleep(outage.inWholeMilliseconds)
        val restored = LongArray(kinds.size)
        kinds.forEachIndexed { i, kind ->
            restored[i] = System.nanoTime()
            kind.restoreNetwork()
        }
        val first = awaitAll(since = restored.min())
        return Round(kinds.indices.associate { i -> kinds[i] to first[i].map { (it - restored[i]).nanoseconds } })
    }

    /**
     * Waits until every client has received a message after [since]. Returns the time of each client's first message.
     */
    private fun awaitAll(since: Long): List<LongArray> {
        val first = kinds.map { LongArray(clients) }
        val end = System.nanoTime() + RECONNECT_TIMEOUT.inWholeNanoseconds
        while (first.any { times -> times.any { it == 0L } }) {
            check(System.nanoTime() < end) { "some clients did not reconnect within $RECONNECT_TIMEOUT" }
            for (i in kinds.indices) {
                for (number in 0 until clients) {
                    val at = lastReceived[i].get(number)
                    if (first[i][number] == 0L && at > since) first[i][number] = at
                }
            }
            Thread.sleep(1) // each client receives a message every 20 ms
        }
        return first
    }

    private companion object {
        val STABLE_TIME = 7.seconds
        val RECONNECT_TIMEOUT = 90.seconds
    }
}
