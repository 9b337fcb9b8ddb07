package dev.live.benchmarks.report

import java.io.IOException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit
import java.util.concurrent.TimeoutException
import kotlin.concurrent.thread

/**
 * What [process] says: read to its end, so that it never has to wait, and watched for the line that it is ready.
 *
 * @param onLine called with each line, on a thread of its own
 */
internal class ServerOutput(process: Process, private val onLine: (String) -> Unit = {}) {
    private val beginning = StringBuffer()
    private val listening = CompletableFuture<Unit>()

    init {
        thread(isDaemon = true) {
            try {
                process.inputStream.bufferedReader().forEachLine(::take)
            } catch (_: IOException) {
                // it was ended while it spoke
            }
            listening.completeExceptionally(IllegalStateException("it ended"))
        }
    }

    private fun take(line: String) {
        if (beginning.length < SHOWN) beginning.appendLine(line)
        if (READY in line) listening.complete(Unit)
        onLine(line)
    }

    /**
     * Waits for the process to be ready.
     *
     * @throws IllegalStateException with what it said instead, if it ends or takes a minute
     */
    fun awaitListening() {
        try {
            listening.get(START_SECONDS, TimeUnit.SECONDS)
        } catch (_: ExecutionException) {
            error("the server did not start: ${beginning.take(SHOWN)}")
        } catch (_: TimeoutException) {
            error("the server was not ready after $START_SECONDS s: ${beginning.take(SHOWN)}")
        }
    }

    private companion object {
        const val READY = "listening on"
        const val START_SECONDS = 60L
        const val SHOWN = 500
    }
}
