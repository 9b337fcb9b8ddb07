package dev.live.benchmarks.cli

import com.github.ajalt.clikt.core.Context
import com.github.ajalt.clikt.core.CoreCliktCommand
import com.github.ajalt.clikt.core.ParameterHolder
import com.github.ajalt.clikt.parameters.groups.OptionGroup
import com.github.ajalt.clikt.parameters.options.OptionWithValues
import com.github.ajalt.clikt.parameters.options.default
import com.github.ajalt.clikt.parameters.options.option
import com.github.ajalt.clikt.parameters.options.required
import com.github.ajalt.clikt.parameters.types.int
import com.github.ajalt.clikt.parameters.types.restrictTo

/** A command of the benchmarks. Its options are properties, each with its check, its default and its help. */
internal abstract class BenchmarkCommand(name: String, private val help: String) : CoreCliktCommand(name) {
    final override fun help(context: Context): String = help
}

/** `--host` and `--port` of a server that a command starts. */
internal class ListenAddress : OptionGroup() {
    val host by option("--host", help = "address to listen on").default("127.0.0.1")
    val port by portOption("port to listen on")
}

/** The required option `--port`. */
internal fun ParameterHolder.portOption(help: String): OptionWithValues<Int, Int, Int> =
    option("--port", help = help).int().restrictTo(1..MAX_PORT).required()

private const val MAX_PORT = 65_535
