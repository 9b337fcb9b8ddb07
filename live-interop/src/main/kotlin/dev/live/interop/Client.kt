package dev.live.interop

import java.io.File
import java.util.concurrent.Executors
import java.util.concurrent.ScheduledExecutorService
import java.util.concurrent.TimeUnit

/**
 * One WebSocket client library with one set of options.
 *
 * @property setting the options that differ from the library's defaults; empty for the defaults
 */
class ClientEntry(val language: String, val library: String, val version: String, val setting: String)

/**
 * Runs sessions with one library. A session sends its first frame after the connection opens, and one further frame
 * after each frame of the server. Then it reads until the connection closes. A frame is `t HEX`, `b HEX`, or `c CODE`
 * to close.
 */
interface Client : AutoCloseable {
    /**
     * Runs one session and returns its events in order: `open SUBPROTOCOL`, `t HEX` and `b HEX` for frames of the
     * server, and at the end `closed CODE`, `refused STATUS` or `failed REASON`.
     */
    fun session(url: String, subprotocol: String, frames: List<String>): List<String>

    override fun close() = Unit
}

/** The clients of one language. */
interface Clients {
    fun list(): List<ClientEntry>

    fun open(index: Int): Client
}

/**
 * Clients in a program of another language. `program list` prints one `library|version|setting` per line. `program run
 * N` reads one session per line from standard input, as `URL SUBPROTOCOL FILE`, and prints its events and `done`.
 */
class ProgramClients(
    private val language: String,
    private val folder: File,
    private val command: List<String>,
) : Clients {
    override fun list(): List<ClientEntry> =
        ProcessBuilder(
            command + "list",
        ).directory(folder).redirectError(ProcessBuilder.Redirect.INHERIT).start().use { process ->
            process.inputReader().readLines().map { line ->
                val (library, version, setting) = line.split("|")
                ClientEntry(language, library, version, setting)
            }
        }

    override fun open(index: Int): Client = ProgramClient(folder, command + listOf("run", index.toString()))
}

private class ProgramClient(private val folder: File, private val command: List<String>) : Client {
    private val file = File.createTempFile("interop", ".frames")
    private var process: Process? = null

    override fun session(url: String, subprotocol: String, frames: List<String>): List<String> {
        file.writeText(frames.joinToString("") { "$it\n" })
        val process = process?.takeIf { it.isAlive } ?: start().also { process = it }
        val limit = timer.schedule({ process.destroyForcibly() }, LIMIT_SECONDS, TimeUnit.SECONDS)
        try {
            process.outputWriter().apply {
                write("$url $subprotocol ${file.path}\n")
                flush()
            }
            val lines = generateSequence { process.inputReader().readLine() }.takeWhile { it != "done" }.toList()
            return if (limit.isDone) lines + "failed hangs" else lines
        } finally {
            limit.cancel(false)
        }
    }

    private fun start() = ProcessBuilder(
        command,
    ).directory(folder).redirectError(ProcessBuilder.Redirect.INHERIT).start()

    override fun close() {
        file.delete()
        val running = process ?: return
        running.outputWriter().close()
        if (!running.waitFor(5, TimeUnit.SECONDS)) running.destroyForcibly()
    }

    private companion object {
        /** Close handshakes without a reply take 5 to 10 s in some libraries. */
        const val LIMIT_SECONDS = 60L
    }
}

/** Stops programs that hang. */
internal val timer: ScheduledExecutorService =
    Executors.newSingleThreadScheduledExecutor { task -> Thread(task, "interop-timer").apply { isDaemon = true } }
