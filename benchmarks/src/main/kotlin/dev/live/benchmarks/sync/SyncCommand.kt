package dev.live.benchmarks.sync

import dev.live.benchmarks.Options
import dev.live.benchmarks.jmh.SyncNotifyBenchmark
import dev.live.benchmarks.report.Machine
import dev.live.benchmarks.report.markdownTable
import dev.live.benchmarks.report.median
import dev.live.benchmarks.report.number
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import org.openjdk.jmh.runner.Runner
import org.openjdk.jmh.runner.options.OptionsBuilder
import org.openjdk.jmh.runner.options.TimeValue
import java.io.File
import java.util.Locale
import kotlin.math.ceil
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/** `sync`: how long from a commit to the pull, and what a commit pays for that; the tables go to `--out`. */
internal fun runSync(args: List<String>) {
    val options = Options(args, setOf("rounds", "clients", "commits", "out"))
    val out = File(options.text("out", "benchmarks/results/sync/SYNC.md"))
    val rounds = options.int("rounds", 5)
    val clients = options.int("clients", 40)
    val commits = options.int("commits", 100)
    val command = "sync --rounds $rounds --clients $clients --commits $commits"
    val java = ProcessHandle.current().info().command().orElse("java")
    val machine = Machine.here(java, "", pinned = false, command)
    val latencies =
        runBlocking(Dispatchers.Default) {
            println("a round that is not counted, while the code is compiled")
            SyncRound(clients, commits).run()
            List(rounds) { round ->
                println("round ${round + 1} of $rounds")
                SyncRound(clients, commits).run()
            }
        }
    val text =
        buildString {
            appendLine("# Sync")
            appendLine()
            appendLine("Made by `java -jar benchmarks/target/benchmarks.jar $command` at commit ${machine.commit}.")
            appendLine()
            val memory = "${machine.memory} of memory"
            appendLine("- Machine: ${machine.cpu}, ${machine.cores} cores, $memory, ${machine.kernel}")
            appendLine("- JVM: ${machine.java}")
            appendLatencies(latencies, clients, commits)
            appendNotify()
        }
    out.absoluteFile.parentFile.mkdirs()
    out.writeText(text)
    println("$out is written")
}

private fun StringBuilder.appendLatencies(rounds: List<SyncRound.Latencies>, clients: Int, commits: Int) {
    appendLine()
    appendLine("## From a commit to the pull's start")
    appendLine()
    appendLine(
        "$clients clients of each kind keep one scope, over HTTP from the same server on Netty, all in one process. " +
            "$commits commits in each of ${rounds.size} rounds behind one that is not counted, 200 to 400 ms apart " +
            "at random; both kinds at once. Counted for each client and commit: until the pull that brought it began.",
    )
    appendLine()
    val kinds =
        listOf("told by live" to SyncRound.Latencies::told, "polling every second" to SyncRound.Latencies::polled)
    val rows =
        kinds.map { (name, of) ->
            val sorted = rounds.flatMap(of).sorted()
            val ratio = rounds.map { of(it).middle() / it.polled.middle() }.median()
            val p99 = sorted[(sorted.size * 99 + 99) / 100 - 1]
            listOf(name, "${number(sorted.middle(), 1)} ms", "${number(p99 / 1.milliseconds, 1)} ms", number(ratio, 3))
        }
    append(markdownTable(listOf("client", "median", "p99", "× polling's median"), rows))
}

private fun List<Duration>.middle(): Double = sorted()[size / 2] / 1.milliseconds

/** By JMH in processes of its own, as `jmh` would, and at a pace in this one. */
private fun StringBuilder.appendNotify() {
    val options =
        OptionsBuilder().include(SyncNotifyBenchmark::class.java.name).forks(FORKS).warmupIterations(ITERATIONS)
            .warmupTime(TIME).measurementIterations(ITERATIONS).measurementTime(TIME).build()
    val statistics = Runner(options).run().single().primaryResult.statistics
    appendLine()
    appendLine("## One call of `notify`")
    appendLine()
    appendLine(
        "On a thousand scopes in turn, each told at most once in 50 ms; with the time to read the clock twice. At " +
            "full speed, by JMH in $FORKS processes, most calls find their scope waiting to be told. At a pace, for " +
            "$PACED_SECONDS s, none does. At 10 a second each call wakes the coroutine that tells; at 10,000 it is " +
            "awake.",
    )
    appendLine()
    val rows =
        listOf(listOf("at full speed") + PERCENTILES.map { nanos(statistics.getPercentile(it)) }) +
            PACES.map { pace ->
                val sorted = PacedNotify.run(pace, PACED_SECONDS)
                listOf("%,d a second".format(Locale.ROOT, pace)) + PERCENTILES.map { nanos(sorted.percentile(it)) }
            }
    append(markdownTable(listOf("calls", "median", "p99", "p99.9"), rows))
}

/** Null where there are too few for it to be another than the largest. */
private fun LongArray.percentile(percent: Double): Double? {
    val rank = ceil(size * percent / 100).toInt()
    return if (rank < size) this[rank - 1].toDouble() else null
}

private fun nanos(value: Double?): String = if (value == null) "–" else "${number(value, 0)} ns"

private val PERCENTILES = listOf(50.0, 99.0, 99.9)
private val PACES = listOf(10_000, 10)
private const val FORKS = 3
private const val ITERATIONS = 3
private const val PACED_SECONDS = 30
private val TIME = TimeValue.seconds(3)
