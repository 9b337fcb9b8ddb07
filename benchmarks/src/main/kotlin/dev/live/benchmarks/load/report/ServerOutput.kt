package dev.live.benchmarks.load.report

import java.io.IOException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit
import java.util.concurrent.TimeoutException
import kotlin.concurrent.thread

/**
 * The output of [process]. It is read to its end, so that the process never blocks, and searched for the line that
 * reports readiness.
 *
 * @param onLine called with each line, on a separate thread
 */
internal class ServerOutput(process: Process, private val onLine: (String) -> Unit = {}) {
    private val firstOutput = StringBuffer()
    private val listening = CompletableFuture<Unit>()

    init {
        thread(isDaemon = true) {
            try {
                process.inputStream.bufferedReader().forEachLine(::take)
            } catch (_: IOException) {
                // the process was stopped during a read
            }
            listening.completeExceptionally(IllegalStateException("the process ended"))
        }
    }

    private fun take(line: String) {
        if (firstOutput.length < SHOWN) firstOutput.appendLine(line)
        if (READY in line) listening.complete(Unit)
        onLine(line)
    }

    /**
     * Waits until the process is ready.
     *
     * @throws IllegalStateException with the output so far, if the process ends or is not ready within a minute
     */
    fun awaitListening() {
        try {
            listening.get(START_SECONDS, TimeUnit.SECONDS)
        } catch (_: ExecutionException) {
            error("the server did not start: ${firstOutput.take(SHOWN)}")
        } catch (_: TimeoutException) {
            error("the server was not ready after $START_SECONDS s: ${firstOutput.take(SHOWN)}")
        }
    }

    private companion object {
        const val READY = "listening on"
        const val START_SECONDS = 60L
        const val SHOWN = 500
    }
}
