package dev.live.benchmarks

import com.github.ajalt.clikt.core.CliktError
import com.github.ajalt.clikt.core.PrintHelpMessage
import com.github.ajalt.clikt.core.UsageError
import com.github.ajalt.clikt.core.parse
import com.github.ajalt.clikt.core.subcommands
import com.github.ajalt.clikt.output.PlaintextHelpFormatter
import dev.live.benchmarks.cli.BenchmarkCommand
import dev.live.benchmarks.cli.ErrorMessages
import dev.live.benchmarks.load.client.ClientCommand
import dev.live.benchmarks.load.client.ReceiveCommand
import dev.live.benchmarks.load.compression.CompressionCommand
import dev.live.benchmarks.load.generator.LoadCommand
import dev.live.benchmarks.load.peer.PeerCommand
import dev.live.benchmarks.load.report.ReportCommand
import dev.live.benchmarks.load.server.ServerCommand
import dev.live.benchmarks.load.soak.SoakCommand
import dev.live.benchmarks.load.soak.SoakServerCommand
import dev.live.benchmarks.load.sync.SyncCommand
import dev.live.benchmarks.micro.MicroCommand
import kotlin.system.exitProcess

/** Entry point: every part of the benchmarks is a command of one jar. See the README of this module. */
fun main(args: Array<String>) {
    val benchmarks = Benchmarks(args.joinToString(" "))
    try {
        benchmarks.parse(args)
    } catch (e: CliktError) {
        val isUsage = e is UsageError || (e is PrintHelpMessage && e.error)
        val out = if (isUsage || e.printError) System.err else System.out
        benchmarks.getFormattedHelp(e)?.let { out.println(it) }
        exitProcess(if (isUsage) USAGE_STATUS else e.statusCode)
    }
}

/**
 * The command that contains all others.
 *
 * @param commandLine all arguments, for the header of the report
 */
internal class Benchmarks(commandLine: String) :
    BenchmarkCommand("java -jar benchmarks.jar", "Benchmarks of live. COMMAND --help describes a command.") {
    init {
        configureContext {
            localization = ErrorMessages
            helpFormatter = { PlaintextHelpFormatter(it, showDefaultValues = true, showRequiredTag = true) }
        }
        subcommands(
            MicroCommand(),
            ReportCommand(commandLine),
            ClientCommand(),
            SyncCommand(),
            CompressionCommand(),
            SoakCommand(),
            LoadCommand(),
            ServerCommand(),
            PeerCommand(),
            ReceiveCommand(),
            SoakServerCommand(),
        )
    }

    /** `jmh` is the former name of `micro`. */
    override fun aliases(): Map<String, List<String>> = mapOf("jmh" to listOf("micro"))

    override fun run(): Unit = Unit
}

/** Not 1, which means that a measurement failed. */
private const val USAGE_STATUS = 2
