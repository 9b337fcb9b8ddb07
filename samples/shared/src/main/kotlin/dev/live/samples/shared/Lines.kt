package dev.live.samples.shared

import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.ReceiveChannel
import kotlinx.coroutines.channels.trySendBlocking
import java.io.BufferedReader
import kotlin.concurrent.thread

/** The lines of [input], read on a separate thread, because a blocking read from a terminal is not interruptible. */
fun linesOf(input: BufferedReader): ReceiveChannel<String> {
    val lines = Channel<String>()
    thread(isDaemon = true, name = "terminal") {
        for (line in input.lineSequence()) if (lines.trySendBlocking(line).isFailure) break
        lines.close()
    }
    return lines
}
