package dev.live.benchmarks.load.sync

import com.github.ajalt.clikt.parameters.options.default
import com.github.ajalt.clikt.parameters.options.option
import com.github.ajalt.clikt.parameters.types.file
import com.github.ajalt.clikt.parameters.types.int
import com.github.ajalt.clikt.parameters.types.restrictTo
import dev.live.benchmarks.cli.BenchmarkCommand
import dev.live.benchmarks.load.report.Machine
import dev.live.benchmarks.load.report.markdownTable
import dev.live.benchmarks.load.report.median
import dev.live.benchmarks.load.report.number
import dev.live.benchmarks.micro.SyncNotifyBenchmark
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import org.HdrHistogram.Histogram
import org.openjdk.jmh.runner.Runner
import org.openjdk.jmh.runner.options.OptionsBuilder
import org.openjdk.jmh.runner.options.TimeValue
import java.io.File
import java.util.Locale
import kotlin.math.ceil
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/** `sync`: measures the time from a commit to the pull, and the cost of `notify`. Writes the tables to `--out`. */
internal class SyncCommand :
    BenchmarkCommand("sync", "Measures the time from a commit to a client's pull, and the cost of 'notify'.") {
    private val rounds by option(help = "rounds, after one that does not count").int().restrictTo(min = 1).default(5)
    private val clients by option(help = "clients of each kind").int().restrictTo(min = 1).default(40)
    private val commits by option(help = "commits per round").int().restrictTo(min = 1).default(100)
    private val out by option(help = "file for the tables")
        .file(canBeDir = false).default(File("benchmarks/results/sync/SYNC.md"))

    override fun run() {
        val command = "sync --rounds $rounds --clients $clients --commits $commits"
        val java = ProcessHandle.current().info().command().orElse("java")
        val machine = Machine.here(java, "", pinned = false, command) // before the run: the commit may change during it
        val latencies =
            runBlocking(Dispatchers.Default) {
                println("warm-up round, not counted")
                SyncRound(clients, commits).run()
                List(rounds) { round ->
                    println("round ${round + 1} of $rounds")
                    SyncRound(clients, commits).run()
                }
            }
        out.absoluteFile.parentFile.mkdirs()
        out.writeText(report(latencies, machine))
        println("wrote $out")
    }

    private fun report(latencies: List<SyncRound.Latencies>, machine: Machine): String =
        buildString {
            appendLine("# Sync")
            appendLine()
            val jar = "java -jar benchmarks/target/benchmarks.jar"
            appendLine("Made by `$jar ${machine.command}` at commit ${machine.commit}.")
            appendLine()
            val memory = "${machine.memory} of memory"
            appendLine("- Machine: ${machine.cpu}, ${machine.cores} cores, $memory, ${machine.kernel}")
            appendLine("- JVM: ${machine.java}")
            appendLatencies(latencies, clients, commits)
            appendNotify()
        }
}

private fun StringBuilder.appendLatencies(rounds: List<SyncRound.Latencies>, clients: Int, commits: Int) {
    appendLine()
    appendLine("## Latency from a commit to the start of the pull")
    appendLine()
    appendLine(
        "$clients clients of each kind sync one scope over HTTP with the same server on Netty, all in one process. " +
            "${rounds.size} rounds after a warm-up round, each with $commits commits at random intervals of 200 to " +
            "400 ms, for both kinds at once. The latency of a client and a commit ends at the start of the pull " +
            "that returns the commit.",
    )
    appendLine()
    val kinds =
        listOf(
            "notified by live" to SyncRound.Latencies::notified,
            "polling every second" to SyncRound.Latencies::polled,
        )
    val rows =
        kinds.map { (name, of) ->
            val sorted = rounds.flatMap(of).sorted()
            val ratio = rounds.map { of(it).medianMs() / it.polled.medianMs() }.median()
            val p99 = sorted[(sorted.size * 99 + 99) / 100 - 1]
            val median = sorted.medianMs()
            listOf(name, "${number(median, 1)} ms", "${number(p99 / 1.milliseconds, 1)} ms", number(ratio, 3))
        }
    append(markdownTable(listOf("client", "median", "p99", "× median of polling"), rows))
}

private fun List<Duration>.medianMs(): Double = sorted()[size / 2] / 1.milliseconds

/** JMH runs in its own processes, like the `jmh` command. The calls at a fixed rate run in this process. */
private fun StringBuilder.appendNotify() {
    val options =
        OptionsBuilder().include(SyncNotifyBenchmark::class.java.name).forks(FORKS).warmupIterations(ITERATIONS)
            .warmupTime(TIME).measurementIterations(ITERATIONS).measurementTime(TIME).build()
    val statistics = Runner(options).run().single().primaryResult.statistics
    appendLine()
    appendLine("## Duration of one `notify` call")
    appendLine()
    appendLine(
        "A thousand scopes in turn, each published at most once in 50 ms. The times include reading the clock twice. " +
            "At full speed (JMH in $FORKS processes) most scopes already have a pending notification. At a fixed " +
            "rate, for $FIXED_RATE_SECONDS s, none has. At 10 calls a second each call wakes the notifier's " +
            "coroutine; at 10,000 the coroutine is already running.",
    )
    appendLine()
    val rows =
        listOf(listOf("at full speed") + PERCENTILES.map { nanos(statistics.getPercentile(it)) }) +
            RATES.map { rate ->
                val calls = NotifyLatency.run(rate, FIXED_RATE_SECONDS)
                listOf("%,d a second".format(Locale.ROOT, rate)) + PERCENTILES.map { nanos(calls.percentile(it)) }
            }
    append(markdownTable(listOf("calls", "median", "p99", "p99.9"), rows))
}

/** The percentile, or null if there are too few values to distinguish it from the maximum. */
private fun Histogram.percentile(percent: Double): Double? =
    getValueAtPercentile(percent).toDouble().takeIf { ceil(totalCount * percent / 100) < totalCount }

private fun nanos(value: Double?): String = if (value == null) "–" else "${number(value, 0)} ns"

private val PERCENTILES = listOf(50.0, 99.0, 99.9)
private val RATES = listOf(10_000, 10)
private const val FORKS = 3
private const val ITERATIONS = 3
private const val FIXED_RATE_SECONDS = 30
private val TIME = TimeValue.seconds(3)
