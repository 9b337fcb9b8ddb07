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

/** A real process of the sample, ended by its own handle. What it says is kept. */
internal class Program(mainClass: String, arguments: List<String>, environment: Map<String, String> = emptyMap()) :
    AutoCloseable {
    private val process: Process
    private val said = StringBuilder()
    private val lock = ReentrantLock()
    private val news = lock.newCondition()
    private val reader: Thread

    init {
        val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
        // surefire's own is a jar that only names the real ones
        val classPath = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        val command = listOf(java, "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", classPath, mainClass) + arguments
        process = ProcessBuilder(command).redirectErrorStream(true).apply { environment() += environment }.start()
        reader = thread(isDaemon = true, name = "output of $mainClass") {
            process.inputStream.bufferedReader().forEachLine { line ->
                lock.withLock {
                    said.append(line).append('\n')
                    news.signalAll()
                }
            }
        }
    }

    /** How much was said so far: what [waitFor] is given to look only at what comes later. */
    fun mark(): Int = lock.withLock { said.length }

    /** What was said after [since], once that has a match; null if the process ends first. Waits a minute at most. */
    fun find(pattern: Regex, since: Int = 0): MatchResult? {
        val deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(1)
        lock.withLock {
            while (true) {
                pattern.find(said, since)?.let { return it }
                val millis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime())
                if (millis <= 0) throw AssertionError("nothing matched $pattern within a minute in:\n$said")
                if (!process.isAlive) return null
                news.await(minOf(millis, 200), TimeUnit.MILLISECONDS)
            }
        }
    }

    fun waitFor(pattern: Regex, since: Int = 0): MatchResult =
        find(pattern, since) ?: throw AssertionError("the process ended before it said $pattern:\n$said")

    /** False if the process is gone. */
    fun type(line: String): Boolean =
        try {
            process.outputStream.write("$line\n".encodeToByteArray())
            process.outputStream.flush()
            true
        } catch (_: java.io.IOException) {
            false
        }

    /** The exit code, once it has ended by itself and all that it said is here. Waits a minute at most for each. */
    fun awaitEnd(): Int {
        check(process.waitFor(1, TimeUnit.MINUTES)) { "the process did not end within a minute:\n$this" }
        reader.join(TimeUnit.MINUTES.toMillis(1))
        return process.exitValue()
    }

    /** SIGKILL, and the wait for the end. */
    fun kill() {
        process.destroyForcibly()
        check(process.waitFor(1, TimeUnit.MINUTES)) { "a process outlived SIGKILL for a minute" }
    }

    override fun close(): Unit = kill()

    override fun toString(): String = lock.withLock { "$said" }
}

/** The server's process on the database in [file]; on the port that is free if [port] is 0. */
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

    /** The whole log of [list], as the server tells it. */
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

    /** Posts one edit, and returns when it is acknowledged. */
    fun post(list: String, id: String) {
        val body = """{"scope":"$list","since":0,"edits":[{"changeId":"$id","noteId":"$id","text":"$id"}]}"""
        val request =
            HttpRequest
                .newBuilder(URI("$url/changes"))
                .header("Content-Type", "application/json")
                .timeout(Duration.ofMinutes(1))
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build()
        val answer = http.send(request, BodyHandlers.ofString())
        check(answer.statusCode() == 200) { "the server answered ${answer.statusCode()}: ${answer.body()}" }
    }

    fun kill(): Unit = program.kill()

    override fun close(): Unit = kill()

    override fun toString(): String = "$program"
}

/** Somebody at a terminal, in a process of their own, and what they know to have typed. */
internal class Person(private val name: String, private val file: Path, private val url: String) : AutoCloseable {
    @Volatile
    private var program = start()

    /** Texts that the terminal has said it keeps. */
    val kept = CopyOnWriteArrayList<String>()

    /** Typed when the process was killed: they may be kept or not. */
    val unsure = CopyOnWriteArrayList<String>()

    private fun start() =
        Program(
            "dev.live.samples.syncnotes.terminal.TerminalKt",
            listOf("--name", name, "--list", LIST, "--url", url, "--file", "$file"),
        )

    fun add(text: String): Boolean = typed("add $text", "kept: $text", text)

    fun edit(number: Int, text: String): Boolean = typed("edit $number $text", "kept: $text", text)

    fun delete(number: Int): Boolean = typed("delete $number", "kept: deleted", null)

    fun offline() {
        val since = program.mark()
        program.type("offline")
        program.waitFor(Regex("""^\* offline, .*$""", RegexOption.MULTILINE), since)
    }

    fun online(): Boolean = program.type("online")

    /** The notes as they are listed, and that line's cursor and count of what is to be sent. */
    fun list(): Listing {
        val since = program.mark()
        program.type("list")
        val end = program.waitFor(
            Regex("""^= (\d+) notes as of change (\d+), (\d+) edits to send$""", RegexOption.MULTILINE),
            since,
        )
        val (count, cursor, toSend) = end.destructured
        val lines = program.toString().substring(since, end.range.first).lines()
        val notes = lines.filter { NOTE.matches(it) }
        check(notes.size == count.toInt()) { "the list has not $count notes:\n$lines" }
        return Listing(notes, cursor.toInt(), toSend.toInt())
    }

    fun kill(): Unit = program.kill()

    fun startAgain() {
        program = start()
    }

    override fun close(): Unit = program.close()

    override fun toString(): String = "--- $name:\n$program"

    /** False if the process was killed before it said that it keeps it. */
    private fun typed(command: String, answer: String, text: String?): Boolean {
        val here = program
        val since = here.mark()
        val isKept =
            here.type(command) &&
                here.find(Regex("^${Regex.escape(answer)}$", RegexOption.MULTILINE), since) != null
        if (text != null) (if (isKept) kept else unsure) += text
        return isKept
    }

    private companion object {
        val NOTE = Regex("""\d+\. .*""")
    }
}

internal data class Listing(val notes: List<String>, val cursor: Int, val toSend: Int)

internal const val LIST = "shopping"
