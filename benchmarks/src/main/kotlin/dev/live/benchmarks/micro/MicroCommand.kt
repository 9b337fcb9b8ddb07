package dev.live.benchmarks.micro

import com.github.ajalt.clikt.parameters.arguments.argument
import com.github.ajalt.clikt.parameters.arguments.multiple
import dev.live.benchmarks.cli.BenchmarkCommand

/** `micro …`: runs the benchmarks of this package with JMH, which parses the arguments. */
internal class MicroCommand :
    BenchmarkCommand("micro", "JMH microbenchmarks: codecs, queue, fan-out, dispatch. 'micro -h' is the help of JMH.") {
    override val treatUnknownOptionsAsArgs: Boolean = true

    private val arguments by argument(help = "JMH's own arguments, such as 'FanOut -f 1 -bm avgt -tu ns'").multiple()

    init {
        configureContext { helpOptionNames = setOf("--help") } // -h belongs to JMH
    }

    override fun run(): Unit = org.openjdk.jmh.Main.main(arguments.toTypedArray())
}
