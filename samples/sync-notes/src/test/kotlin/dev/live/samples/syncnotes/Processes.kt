package dev.live.samples.syncnotes

import dev.live.samples.syncnotes.wire.Change
import dev.live.samples.syncnotes.wire.Page
import kotlinx.serialization.json.Json
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers
import java.nio.file.Path
import java.time.Duration
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.TimeUnit
import java.util.concurrent.locks.ReentrantLock
import kotlin.concurrent.thread
import kotlin.concurrent.withLock

/** A process of the sample, with its recorded output. */
internal class Program(mainClass: String, arguments: List<String>, environment: Map<String, String> = emptyMap()) :
    AutoCloseable {
    private val process: Process
    private val output = StringBuilder()
    private val lock = ReentrantLock()
    private val news = lock.newCondition()
    private val reader: Thread

    init {
        val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
        // Surefire's own class path is a jar that only references the entries
        val classPath = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        val command = listOf(java, "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", classPath, mainClass) + arguments
        process = ProcessBuilder(command).redirectErrorStream(true).apply { environment() += environment }.start()
        reader = thread(isDaemon = true, name = "output of $mainClass") {
            process.inputStream.bufferedReader().forEachLine { line ->
                lock.withLock {
                    output.append(line).append('\n')
                    news.signalAll()
                }
            }
        }
    }

    /** The length of the output so far, for the `since` of [waitFor]. */
    fun mark(): Int = lock.withLock { output.length }

    /** Waits up to one minute for a match in the output after [since]. Returns null if the process ends first. */
    fun find(pattern: Regex, since: Int = 0): MatchResult? {
        val deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(1)
        lock.withLock {
            while (true) {
                pattern.find(output, since)?.let { return it }
                val millis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime())
                if (millis <= 0) throw AssertionError("nothing matched $pattern within a minute in:\n$output")
                if (!process.isAlive) return null
                news.await(minOf(millis, 200), TimeUnit.MILLISECONDS)
            }
        }
    }

    fun waitFor(pattern: Regex, since: Int = 0): MatchResult =
        find(pattern, since) ?: throw AssertionError("the process ended before it printed $pattern:\n$output")

    /** Returns false if the process has ended. */
    fun type(line: String): Boolean =
        try {
            process.outputStream.write("$line\n".encodeToByteArray())
            process.outputStream.flush()
            true
        } catch (_: java.io.IOException) {
            false
        }

    /** Waits for the exit and the rest of the output, up to one minute each. Returns the exit code. */
    fun awaitEnd(): Int {
        check(process.waitFor(1, TimeUnit.MINUTES)) { "the process did not exit within one minute:\n$this" }
        reader.join(TimeUnit.MINUTES.toMillis(1))
        return process.exitValue()
    }

    /** Sends SIGKILL and waits for the exit. */
    fun kill() {
        process.destroyForcibly()
        check(process.waitFor(1, TimeUnit.MINUTES)) { "the process did not exit within one minute after SIGKILL" }
    }

    override fun close(): Unit = kill()

    override fun toString(): String = lock.withLock { "$output" }
}

/** The server process with the database in [file]. A [port] of 0 picks a free port. */
internal class ServerProcess(file: Path, port: Int = 0) : AutoCloseable {
    private val program =
        Program(
            "dev.live.samples.syncnotes.ServerKt",
            emptyList(),
            mapOf("PORT" to "$port", "NOTES_DB" to "$file"),
        )
    val port: Int = program.waitFor(Regex("""sample is running at http://localhost:(\d+)\n""")).groupValues[1].toInt()
    val url: String get() = "http://localhost:$port"
    private val http = HttpClient.newHttpClient()

    /** The complete log of [list] from the server. */
    fun log(list: String): List<Change> {
        val log = mutableListOf<Change>()
        do {
            val uri = URI("$url/changes?scope=$list&since=${log.size}")
            val request = HttpRequest.newBuilder(uri).timeout(Duration.ofMinutes(1)).build()
            val page = Json.decodeFromString<Page>(http.send(request, BodyHandlers.ofString()).body())
            log += page.changes
        } while (page.more)
        return log
    }

    /** Posts one edit and waits for the acknowledgement. */
    fun post(list: String, id: String) {
        val body = """{"scope":"$list","since":0,"edits":[{"changeId":"$id","noteId":"$id","text":"$id"}]}"""
        val request =
            HttpRequest
                .newBuilder(URI("$url/changes"))
                .header("Content-Type", "application/json")
                .timeout(Duration.ofMinutes(1))
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build()
        val response = http.send(request, BodyHandlers.ofString())
        check(response.statusCode() == 200) { "the server responded with ${response.statusCode()}: ${response.body()}" }
    }

    fun kill(): Unit = program.kill()

    override fun close(): Unit = kill()

    override fun toString(): String = "$program"
}

/** A user of a terminal client in a separate process, with the texts that it entered. */
internal class Person(private val name: String, private val file: Path, private val url: String) : AutoCloseable {
    @Volatile
    private var program = start()

    /** Texts that the terminal has confirmed as saved. */
    val saved = CopyOnWriteArrayList<String>()

    /** Texts entered when the process was killed: saved or not. */
    val unsure = CopyOnWriteArrayList<String>()

    private fun start() =
        Program(
            "dev.live.samples.syncnotes.terminal.TerminalKt",
            listOf("--name", name, "--list", LIST, "--url", url, "--file", "$file"),
        )

    fun add(text: String): Boolean = enter("add $text", "saved: $text", text)

    fun edit(number: Int, text: String): Boolean = enter("edit $number $text", "saved: $text", text)

    fun delete(number: Int): Boolean = enter("delete $number", "saved: deleted", null)

    fun offline() {
        // the status is printed when it changes: a client that has not connected yet is offline already
        program.waitFor(Regex("""^\* live, .*$""", RegexOption.MULTILINE))
        val since = program.mark()
        program.type("offline")
        program.waitFor(Regex("""^\* offline, .*$""", RegexOption.MULTILINE), since)
    }

    fun online(): Boolean = program.type("online")

    /** The listed notes, with the cursor and the number of pending edits. */
    fun list(): Listing {
        val since = program.mark()
        program.type("list")
        val end = program.waitFor(
            Regex("""^= (\d+) notes as of change (\d+), (\d+) edits pending$""", RegexOption.MULTILINE),
            since,
        )
        val (count, cursor, pending) = end.destructured
        val lines = program.toString().substring(since, end.range.first).lines()
        val notes = lines.filter { NOTE.matches(it) }
        check(notes.size == count.toInt()) { "the list does not have $count notes:\n$lines" }
        return Listing(notes, cursor.toInt(), pending.toInt())
    }

    fun kill(): Unit = program.kill()

    fun startAgain() {
        program = start()
    }

    override fun close(): Unit = program.close()

    override fun toString(): String = "--- $name:\n$program"

    /** Returns false if the process was killed before it confirmed the command. */
    private fun enter(command: String, confirmation: String, text: String?): Boolean {
        val here = program
        val since = here.mark()
        val isSaved =
            here.type(command) &&
                here.find(Regex("^${Regex.escape(confirmation)}$", RegexOption.MULTILINE), since) != null
        if (text != null) (if (isSaved) saved else unsure) += text
        return isSaved
    }

    private companion object {
        val NOTE = Regex("""\d+\. .*""")
    }
}

internal data class Listing(val notes: List<String>, val cursor: Int, val pending: Int)

internal const val LIST = "shopping"
