package dev.live.fuzz.session

import dev.live.fuzz.FuzzTarget
import dev.live.fuzz.VirtualTime
import dev.live.fuzz.codec.Vectors

/**
 * Three clients of one server in virtual time. The input is a script: the first line has [Options], each other line is
 * a JSON message of the current client, or a command that begins with `!` (see [ScriptRunner]).
 *
 * Invariants: no session ends with 1011 and no error is `internal`. Every message with a ref gets one reply. Queues end
 * empty. Offsets have no gap. Ended sessions leave no state.
 */
internal object SessionTarget : FuzzTarget {
    override val name: String get() = "session"

    override val dictionary: List<String>
        get() = Vectors.WORDS + SessionSeeds.WORDS

    override fun seeds(): List<ByteArray> = SessionSeeds.all

    override fun run(input: ByteArray) {
        val lines = linesOf(input)
        val time = VirtualTime()
        val runner = ScriptRunner(Options(lines.first().decodeToString()), time)
        try {
            lines.drop(1).take(MAX_LINES).forEach(runner::line)
            runner.finish()
        } finally {
            time.end()
        }
    }

    private const val MAX_LINES = 200
}

/** Splits [input] at line feeds. */
internal fun linesOf(input: ByteArray): List<ByteArray> {
    val lines = ArrayList<ByteArray>()
    var start = 0
    for (i in input.indices) {
        if (input[i] != '\n'.code.toByte()) continue
        lines += input.copyOfRange(start, i)
        start = i + 1
    }
    lines += input.copyOfRange(start, input.size)
    return lines
}
