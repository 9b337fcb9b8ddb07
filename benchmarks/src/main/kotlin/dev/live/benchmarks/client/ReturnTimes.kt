package dev.live.benchmarks.client

import java.util.concurrent.atomic.AtomicLongArray
import kotlin.time.Duration
import kotlin.time.Duration.Companion.nanoseconds
import kotlin.time.Duration.Companion.seconds

/**
 * How long it takes from the moment that a network is back until a client has its first message. All kinds of clients
 * lose their networks at the same moments and have them back at the same moments.
 */
internal class ReturnTimes(private val kinds: List<Returning>, private val clients: Int) {
    /** The times of one outage, by kind. */
    class Round(private val times: Map<Returning, List<Duration>>) {
        fun of(kind: Returning): List<Duration> = times.getValue(kind)
    }

    private val seen = kinds.map { AtomicLongArray(clients) }

    fun start() {
        kinds.forEachIndexed { i, kind -> kind.start(clients) { number -> seen[i].set(number, System.nanoTime()) } }
        awaitAll(since = 0)
    }

    /** An outage of [away], and what came of it. */
    fun round(away: Duration): Round {
        Thread.sleep(SETTLED.inWholeMilliseconds) // every kind counts its attempts anew after this
        kinds.forEach { it.networkIsGone() }
        Thread.sleep(away.inWholeMilliseconds)
        val returned = LongArray(kinds.size)
        kinds.forEachIndexed { i, kind ->
            returned[i] = System.nanoTime()
            kind.networkIsBack()
        }
        val first = awaitAll(since = returned.min())
        return Round(kinds.indices.associate { i -> kinds[i] to first[i].map { (it - returned[i]).nanoseconds } })
    }

    /** When each client of each kind had its first message after [since]. */
    private fun awaitAll(since: Long): List<LongArray> {
        val first = kinds.map { LongArray(clients) }
        val end = System.nanoTime() + PATIENCE.inWholeNanoseconds
        while (first.any { times -> times.any { it == 0L } }) {
            check(System.nanoTime() < end) { "not all clients were back within $PATIENCE" }
            for (i in kinds.indices) {
                for (number in 0 until clients) {
                    val at = seen[i].get(number)
                    if (first[i][number] == 0L && at > since) first[i][number] = at
                }
            }
            Thread.sleep(1) // messages of one client are 20 ms apart
        }
        return first
    }

    private companion object {
        val SETTLED = 7.seconds
        val PATIENCE = 90.seconds
    }
}
