package dev.live.fuzz

import java.io.File
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import kotlin.system.exitProcess

private const val USAGE = """usage: MainKt COMMAND TARGETS SECONDS PARALLEL INPUT
  fuzz      fuzzes each target for SECONDS, PARALLEL targets at a time
  minimize  writes the smallest corpus with the same coverage to live-fuzz/corpus
  replay    replays the file INPUT, such as a crash, without Jazzer
TARGETS is "all", or a comma-separated list of names; a command ignores arguments that it does not need"""

/** The command line of the fuzzers. The Maven build calls it. */
fun main(args: Array<String>) {
    if (args.size != ARGUMENTS) {
        System.err.println(USAGE)
        exitProcess(2)
    }
    val targets = targets(args[1])
    val isSuccess =
        when (args[0]) {
            "fuzz" -> fuzz(targets, args[2].toLong(), args[3].toInt())
            "minimize" -> targets.map { JazzerProcess(it).minimize() }.all { it }
            "replay" -> replay(targets.single(), File(args[4]))
            else -> {
                System.err.println(USAGE)
                false
            }
        }
    exitProcess(if (isSuccess) 0 else 1)
}

private const val ARGUMENTS = 5

private fun replay(target: FuzzTarget, input: File): Boolean {
    target.run(input.readBytes())
    println("replay ${target.name}: $input violates no invariant")
    return true
}

private fun targets(names: String): List<FuzzTarget> =
    if (names == "all") FuzzTarget.ALL else names.split(',').map(FuzzTarget::named)

/** Returns true if no target crashed. */
private fun fuzz(targets: List<FuzzTarget>, seconds: Long, parallel: Int): Boolean {
    val pool = Executors.newFixedThreadPool(parallel)
    try {
        val runs = targets.map { target -> pool.submit(Callable { JazzerProcess(target).fuzz(seconds) }) }
        return runs.map { it.get() }.all { it }
    } finally {
        pool.shutdown()
    }
}
