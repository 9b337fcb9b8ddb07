package dev.live.benchmarks.load.soak

import com.github.ajalt.clikt.core.ProgramResult
import com.github.ajalt.clikt.parameters.options.default
import com.github.ajalt.clikt.parameters.options.option
import com.github.ajalt.clikt.parameters.types.file
import com.github.ajalt.clikt.parameters.types.int
import com.github.ajalt.clikt.parameters.types.restrictTo
import dev.live.benchmarks.cli.BenchmarkCommand
import dev.live.benchmarks.load.generator.ProcessStats
import dev.live.benchmarks.load.report.Machine
import dev.live.benchmarks.load.report.Processes
import dev.live.benchmarks.load.report.Server
import dev.live.benchmarks.load.report.markdownTable
import kotlinx.coroutines.CoroutineExceptionHandler
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import java.io.File
import java.net.InetSocketAddress
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/**
 * `soak --minutes M`: runs well-behaved and faulty clients against servers on all transports in a separate process, for
 * M minutes. Prints samples of both processes, and at the end whether any value grew. The exit code is 1 if one did.
 */
internal class SoakCommand :
    BenchmarkCommand("soak", "Runs faulty and well-behaved clients for hours, and checks whether anything grows.") {
    private val minutes by option(help = "duration").int().restrictTo(min = 1).default(10)
    private val watchers by option(help = "stable clients per server").int().restrictTo(min = 1).default(20)
    private val sample by option(help = "seconds between two samples").int().restrictTo(min = 1).default(15)
    private val drain by option(help = "seconds between two restarts").int().restrictTo(min = 1).default(20)
    private val seed by option(help = "seed of the clients' behavior").int().default(1)
    private val out by option(help = "file for the table").file(canBeDir = false)
    private val plot by option(help = "file for the plot, as SVG").file(canBeDir = false)

    override fun run() {
        val command = "soak --minutes $minutes --watchers $watchers --sample $sample --drain $drain --seed $seed"
        // before the run, which takes hours: a failure is reported at once, and the commit may change during the run
        val machine = Machine.here(java(), SERVER_HEAP, pinned = false, command)
        listOfNotNull(out, plot).forEach { it.absoluteFile.parentFile.mkdirs() }
        val soak = Soak(minutes.minutes, sample.seconds, watchers, seed)
        val port = Processes.freePort()
        val server =
            listOf(java(), SERVER_HEAP, "-cp", System.getProperty("java.class.path"), "dev.live.benchmarks.MainKt") +
                listOf("soak-server", "--port", "$port", "--drain", "$drain")
        val isFlat = Processes(isPinned = false).withServer(server, soak::onServerLine) { pid -> soak.run(pid, port) }
        plot?.writeText(soak.plot())
        out?.writeText(soak.report(machine))
        throw ProgramResult(if (isFlat) 0 else 1)
    }
}

private const val SERVER_HEAP = "-Xmx512m"

private fun java(): String = File(System.getProperty("java.home"), "bin/java").path

private class Soak(
    private val time: Duration,
    private val period: Duration,
    private val watchers: Int,
    private val seed: Int,
) {
    private val counts = SoakCounters()
    private val latencies = Latencies()
    private lateinit var series: List<Series>

    /** Handles a line of the server's output. Lines of a stack trace are skipped. */
    fun onServerLine(line: String) {
        when {
            line == DRAINED -> counts.drained.increment()
            line.startsWith("\t") || line.startsWith("Caused by") -> Unit
            else -> {
                if (" ERROR " in line) counts.errors.increment()
                println("server: $line")
            }
        }
    }

    /** Returns true if no value grew. */
    fun run(pid: Long, port: Int): Boolean {
        val sampler = Sampler(ProcessStats(pid), latencies)
        series = sampler.series
        val failures = CoroutineExceptionHandler { _, e -> println("a client failed: $e") }
        val scope = CoroutineScope(Dispatchers.Default + SupervisorJob() + failures)
        for (transport in SoakTransport.entries) {
            val address = InetSocketAddress(Server.HOST, port + transport.ordinal)
            Churn(scope, address, counts, latencies, seed + transport.ordinal).start(watchers)
        }
        val start = TimeSource.Monotonic.markNow()
        while (start.elapsedNow() < time) {
            Thread.sleep(period.inWholeMilliseconds)
            val seconds = start.elapsedNow().inWholeSeconds
            println("${seconds.seconds}: ${sampler.sample(seconds.toDouble())}; $counts")
        }
        series.forEach { println(summary(it)) }
        check(series.all { it.all.size > 1 }) { "The soak was too short for a result, or nothing was delivered." }
        return series.all { it.isFlat }
    }

    private fun summary(series: Series): String {
        val word = if (series.isFlat) "flat" else "GROWS"
        return "${series.name}: $word. Median ${series.text(series.median)}; growth over the last two thirds " +
            "${series.text(series.growth)}, allowed ${allowed(series)}."
    }

    private fun allowed(series: Series): String = series.allowed?.let(series::text) ?: "any"

    fun plot(): String = soakPlot("Soak of $time", series)

    fun report(machine: Machine): String =
        buildString {
            val jar = "java -jar benchmarks/target/benchmarks.jar"
            appendLine("Made by `$jar ${machine.command}` at commit ${machine.commit}.")
            appendLine(
                "Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memory}, ${machine.kernel}; " +
                    "${machine.java}.",
            )
            appendLine("In $time: $counts.")
            appendLine()
            val rows =
                series.map {
                    val values = it.all.map { sample -> sample.value }
                    listOf(
                        it.name,
                        "${it.text(values.min())} – ${it.text(values.max())}",
                        it.text(it.median),
                        it.text(it.growth),
                        allowed(it),
                        if (it.isFlat) "yes" else "no",
                    )
                }
            append(markdownTable(listOf("", "range", "median", "growth", "allowed", "flat"), rows))
        }
}
