package dev.live.benchmarks.load.sync

import dev.live.server.LiveConfig
import dev.live.server.LiveServer
import dev.live.sync.server.LiveSyncNotifier
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import org.HdrHistogram.Histogram

/**
 * The duration of single `notify` calls at a fixed rate, on 1,000 scopes in turn. Each scope is published before its
 * next call.
 */
internal object NotifyLatency {
    /** The durations of the calls in nanoseconds. They include the time to read the clock. */
    fun run(perSecond: Int, seconds: Int): Histogram {
        val server =
            LiveServer(LiveConfig().build(), Dispatchers.Default + Job()) { System.nanoTime() / NANOS_PER_MILLI }
        try {
            val notifier = LiveSyncNotifier(server)
            val scopes = Array(SCOPES) { "list/$it" }
            measured(notifier, scopes, WARMUP_PER_SECOND, WARMUP_SECONDS)
            return measured(notifier, scopes, perSecond, seconds)
        } finally {
            server.cancel()
        }
    }

    private fun measured(
        notifier: LiveSyncNotifier,
        scopes: Array<String>,
        perSecond: Int,
        seconds: Int,
    ): Histogram {
        val nanos = Histogram(SIGNIFICANT_DIGITS)
        var due = System.nanoTime()
        for (n in 0 until perSecond * seconds) {
            due += NANOS_PER_SECOND / perSecond
            while (System.nanoTime() < due) Thread.onSpinWait()
            val start = System.nanoTime()
            notifier.notify(scopes[n % SCOPES], start)
            nanos.recordValue(System.nanoTime() - start)
        }
        return nanos
    }

    private const val SCOPES = 1_000
    private const val SIGNIFICANT_DIGITS = 3
    private const val WARMUP_PER_SECOND = 10_000
    private const val WARMUP_SECONDS = 5
    private const val NANOS_PER_SECOND = 1_000_000_000L
    private const val NANOS_PER_MILLI = 1_000_000
}
