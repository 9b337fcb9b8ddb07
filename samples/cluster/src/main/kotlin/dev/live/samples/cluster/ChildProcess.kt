package dev.live.samples.cluster

import kotlinx.coroutines.future.await
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread

/**
 * A process that ends together with this one, even if this one is killed: a shell beside it reads a pipe from this
 * process, and sends SIGKILL at the end of the pipe.
 *
 * @param onLine receives each line of its output, on a thread of its own
 */
class ChildProcess(
    name: String,
    command: List<String>,
    environment: Map<String, String> = emptyMap(),
    onLine: (String) -> Unit,
) : AutoCloseable {
    private val process: Process =
        ProcessBuilder(listOf("sh", "-c", GUARDED, name) + command)
            .redirectErrorStream(true)
            .apply { environment() += environment }
            .start()

    private val reader =
        thread(isDaemon = true, name = "output of $name") { process.inputStream.bufferedReader().forEachLine(onLine) }

    val pid: Long get() = process.pid()
    val isRunning: Boolean get() = process.isAlive

    /** Asks the process to end. */
    fun terminate() {
        process.toHandle().destroy() // Process.destroy() would also close the pipe, and thereby kill the process
    }

    /** Stops the process without closing its sockets, until [resume]. */
    fun pause(): Unit = signal("STOP")

    fun resume(): Unit = signal("CONT")

    fun kill() {
        process.destroyForcibly()
    }

    suspend fun awaitEnd() {
        process.onExit().await()
    }

    /** Kills the process, and returns when it has ended and all of its output was read. */
    override fun close() {
        kill()
        process.waitFor()
        reader.join(TimeUnit.SECONDS.toMillis(10))
    }

    private fun signal(name: String) {
        if (isRunning) ProcessBuilder("kill", "-$name", "$pid").start().waitFor()
    }

    private companion object {
        /** The command replaces the first shell, so that it has the id `$$`. */
        const val GUARDED =
            """exec 3<&0; (cat <&3; kill -9 $$) >/dev/null 2>&1 & exec "$@" 3<&- </dev/null"""
    }
}
