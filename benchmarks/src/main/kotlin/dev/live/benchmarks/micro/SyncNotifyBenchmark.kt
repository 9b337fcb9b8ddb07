package dev.live.benchmarks.micro

import dev.live.server.LiveConfig
import dev.live.server.LiveServer
import dev.live.sync.server.LiveSyncNotifier
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import org.openjdk.jmh.annotations.Benchmark
import org.openjdk.jmh.annotations.BenchmarkMode
import org.openjdk.jmh.annotations.Mode
import org.openjdk.jmh.annotations.OutputTimeUnit
import org.openjdk.jmh.annotations.Scope
import org.openjdk.jmh.annotations.State
import org.openjdk.jmh.annotations.TearDown
import java.util.concurrent.TimeUnit

/**
 * The cost of `notify` for a sync engine, over a thousand scopes in turn. Meanwhile each scope is published at most
 * once in 50 ms, to a topic without subscribers.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
open class SyncNotifyBenchmark {
    private val server =
        LiveServer(LiveConfig().build(), Dispatchers.Default + Job()) { System.nanoTime() / NANOS_PER_MILLI }
    private val notifier = LiveSyncNotifier(server)
    private val scopes = Array(SCOPES) { "list/$it" }
    private var cursor = 0L

    @Benchmark
    fun notifyOne() {
        cursor++
        notifier.notify(scopes[(cursor % SCOPES).toInt()], cursor)
    }

    @TearDown
    fun end(): Unit = server.cancel()

    private companion object {
        const val SCOPES = 1_000
        const val NANOS_PER_MILLI = 1_000_000
    }
}
