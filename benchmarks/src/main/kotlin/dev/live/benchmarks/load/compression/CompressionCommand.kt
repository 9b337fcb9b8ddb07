package dev.live.benchmarks.load.compression

import com.github.ajalt.clikt.parameters.options.default
import com.github.ajalt.clikt.parameters.options.option
import com.github.ajalt.clikt.parameters.types.double
import com.github.ajalt.clikt.parameters.types.file
import com.github.ajalt.clikt.parameters.types.int
import com.github.ajalt.clikt.parameters.types.restrictTo
import dev.live.benchmarks.cli.BenchmarkCommand
import dev.live.benchmarks.load.generator.LoadResult
import dev.live.benchmarks.load.report.Machine
import dev.live.benchmarks.load.report.markdownTable
import dev.live.benchmarks.load.report.median
import dev.live.benchmarks.load.report.number
import java.io.File

/** `compression`: measures the CPU time and the bytes of messages with and without compression. */
internal class CompressionCommand :
    BenchmarkCommand("compression", "Measures the CPU time and the bytes of messages with and without compression.") {
    private val rounds by option(help = "rounds, after one that does not count").int().restrictTo(min = 1).default(5)
    private val seconds by option(help = "seconds of each measurement").double().restrictTo(min = 0.01).default(1.0)
    private val fanOutSeconds by option(help = "seconds of each fan-out, after as many seconds of warm-up")
        .double().restrictTo(min = 0.1).default(5.0)
    private val out by option(help = "file for the tables")
        .file(canBeDir = false).default(File("benchmarks/results/compression/COMPRESSION.md"))

    override fun run() {
        val command = "compression --rounds $rounds --seconds $seconds --fan-out-seconds $fanOutSeconds"
        val java = ProcessHandle.current().info().command().orElse("java")
        val machine = Machine.here(java, "", pinned = false, command)
        val samples = SIZES.map { size -> size to LEVELS.map { CompressionSample(size, it) } }
        val results =
            List(rounds + 1) { round ->
                println(if (round == 0) "warm-up round, not counted" else "round $round of $rounds")
                samples.map { (_, perLevel) -> perLevel.map { it.measure(seconds) } }
            }.drop(1)
        val rows =
            samples.flatMapIndexed { i, (size, perLevel) ->
                val encode = results.map { it[i][0].encode }.median()
                val plain = perLevel[0].plainBytes
                listOf(listOf(name(size), "none", "$plain", "1.00", micros(encode), "–", "–")) +
                    perLevel.mapIndexed { j, sample -> row(name(size), sample, results.map { it[i][j] }) }
            }
        val fanOuts = SIZES.flatMap { size -> (listOf(0) + LEVELS.dropLast(1)).map { CompressionFanOut(size, it) } }
        val loads =
            List(rounds) { round ->
                println("fan-out, round ${round + 1} of $rounds")
                fanOuts.map { it.measure(fanOutSeconds) }
            }
        val fanOutRows = fanOuts.mapIndexed { i, fanOut -> row(fanOut, loads.map { it[i] }) }
        out.absoluteFile.parentFile.mkdirs()
        out.writeText(report(machine, rows, fanOutRows))
        println("wrote $out")
    }

    private fun report(machine: Machine, rows: List<List<String>>, fanOuts: List<List<String>>): String =
        buildString {
            appendLine("# Compression")
            appendLine()
            val jar = "java -jar benchmarks/target/benchmarks.jar"
            appendLine("Made by `$jar ${machine.command}` at commit ${machine.commit}.")
            appendLine()
            val memory = "${machine.memory} of memory"
            appendLine("- Machine: ${machine.cpu}, ${machine.cores} cores, $memory, ${machine.kernel}")
            appendLine("- JVM: ${machine.java}")
            appendLine()
            appendLine(
                "CPU time of one thread per message, in µs, median of $rounds rounds. The message is a JSON object " +
                    "like that of an order book, of about the given size, with other values in each message. *Bytes* " +
                    "are the bytes of its frame to one client. The server encodes and compresses a message once for " +
                    "all sessions with the same codec, and inflates each message that a client has compressed.",
            )
            appendLine()
            val head = listOf("payload", "compression", "bytes", "ratio", "encode", "compress", "inflate")
            append(markdownTable(head, rows))
            appendLine()
            appendLine(
                "Fan-out to ${CompressionFanOut.SUBSCRIBERS} clients, ${CompressionFanOut.IN_FLIGHT} publishes in " +
                    "flight, from a server in a process of its own: the server's CPU time, in seconds per million " +
                    "deliveries, and the deliveries per second. Median of $rounds rounds.",
            )
            appendLine()
            append(markdownTable(listOf("payload", "compression", "server CPU", "deliveries/s"), fanOuts))
        }

    private fun row(fanOut: CompressionFanOut, results: List<LoadResult>) =
        listOf(
            name(fanOut.size),
            if (fanOut.level == 0) "none" else "level ${fanOut.level}",
            number(results.mapNotNull { it.serverCpuPerMillion }.median(), 2),
            number(results.map { it.deliveriesPerSecond }.median(), 0),
        )

    private fun row(name: String, sample: CompressionSample, times: List<CompressionSample.Times>) =
        listOf(
            name,
            "level ${sample.level}",
            "${sample.compressedBytes}",
            number(sample.compressedBytes.toDouble() / sample.plainBytes, 2),
            micros(times.map { it.encode }.median()),
            micros(times.map { it.compress }.median()),
            micros(times.map { it.inflate }.median()),
        )

    private fun name(size: Int) = if (size < KIB) "$size B" else "${size / KIB} KiB"

    private fun micros(nanos: Double?) = number(nanos?.div(1e3), 1)

    private companion object {
        const val KIB = 1024
        val SIZES = listOf(128, KIB, 16 * KIB)
        val LEVELS = listOf(1, 6, 9)
    }
}
