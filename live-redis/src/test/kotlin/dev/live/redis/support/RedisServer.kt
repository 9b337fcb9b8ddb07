package dev.live.redis.support

import java.io.BufferedInputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.TimeUnit

/** A port of the loopback interface that nothing listens on. */
fun freePort(): Int = ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { it.localPort }

/**
 * A real Redis, started as a process of its own on a free port of the loopback interface.
 *
 * @param isPersistent whether it writes every change to an append-only file before it answers
 * @param sentinel the configuration of a sentinel; null for a server with data
 */
class RedisServer(
    private val isPersistent: Boolean = false,
    private vararg val options: String,
    private val sentinel: String? = null,
) : AutoCloseable {
    val port: Int = freePort()
    val url: String get() = "redis://127.0.0.1:$port"
    private val directory: File = Files.createTempDirectory("live-redis").toFile()
    private lateinit var process: Process

    init {
        start()
    }

    val isRunning: Boolean get() = process.isAlive

    fun start() {
        val persistence = if (isPersistent) arrayOf("--appendonly", "yes", "--appendfsync", "always") else emptyArray()
        val listening = arrayOf("--port", "$port", "--bind", "127.0.0.1", "--dir", directory.path)
        val kind =
            if (sentinel == null) {
                arrayOf("--save", "", *persistence)
            } else {
                val file = File(directory, "sentinel.conf").apply { if (!exists()) writeText(sentinel) }
                arrayOf(file.path, "--sentinel")
            }
        // a file must be the first argument
        val arguments = if (sentinel == null) listening + kind else kind + listening
        process =
            ProcessBuilder(EXECUTABLE.toString(), *arguments, *options)
                .redirectErrorStream(true)
                .redirectOutput(File(directory, "log"))
                .start()
        awaitReady()
    }

    /** Ends the process at once, as by kill -9. */
    fun kill() {
        process.destroyForcibly()
        check(process.waitFor(1, TimeUnit.MINUTES)) { "Redis did not end" }
    }

    /** Stops the process without closing its connections. */
    fun pause(): Unit = signal("STOP")

    fun resume(): Unit = signal("CONT")

    /** Executes one command on a connection of its own. Returns text, numbers, lists or null. */
    fun command(vararg words: String): Any? =
        Socket(InetAddress.getLoopbackAddress(), port).use { socket ->
            socket.soTimeout = TIMEOUT_MILLIS
            val request = words.joinToString("", "*${words.size}\r\n") { "$${it.toByteArray().size}\r\n$it\r\n" }
            socket.getOutputStream().write(request.toByteArray())
            reply(BufferedInputStream(socket.getInputStream()))
        }

    fun keys(): List<String> = (command("KEYS", "*") as List<*>).map { it.toString() }

    override fun close() {
        process.destroyForcibly()
        process.waitFor(1, TimeUnit.MINUTES)
        directory.deleteRecursively()
    }

    private fun awaitReady() {
        val deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(TIMEOUT_MILLIS.toLong())
        while (true) {
            check(process.isAlive) { "Redis has ended:\n${File(directory, "log").readText()}" }
            check(System.nanoTime() < deadline) { "Redis does not answer:\n${File(directory, "log").readText()}" }
            try {
                val answer = command("PING").toString()
                if (!answer.startsWith("-LOADING")) return
            } catch (_: IOException) {
                // not listening yet
            }
            Thread.sleep(POLL_MILLIS)
        }
    }

    private fun signal(name: String) {
        val kill = ProcessBuilder("kill", "-$name", "${process.pid()}").start()
        check(kill.waitFor() == 0) { "kill -$name failed" }
    }

    private fun reply(input: InputStream): Any? {
        val line = line(input)
        return when (line.first()) {
            '+', '-' -> line.removePrefix("+")
            ':' -> line.drop(1).toLong()
            '$' -> line.drop(1).toInt().takeIf { it >= 0 }?.let { size ->
                input.readNBytes(size).decodeToString().also { input.readNBytes(2) }
            }
            '*' -> List(line.drop(1).toInt().coerceAtLeast(0)) { reply(input) }
            else -> error("unknown reply $line")
        }
    }

    private fun line(input: InputStream): String {
        val line = StringBuilder()
        while (true) {
            val next = input.read()
            if (next < 0) throw IOException("closed")
            if (next == '\n'.code) return line.toString().removeSuffix("\r")
            line.append(next.toChar())
        }
    }

    private companion object {
        const val TIMEOUT_MILLIS = 60_000
        const val POLL_MILLIS = 20L

        /** From the jar of org.signal:embedded-redis. */
        val EXECUTABLE: Path by lazy {
            val system = if (System.getProperty("os.name").startsWith("Mac")) "darwin" else "linux"
            val machine =
                when (System.getProperty("os.arch")) {
                    "aarch64" -> if (system == "darwin") "amd64" else "arm64"
                    "x86", "i386" -> "386"
                    else -> "amd64"
                }
            val name = "redis-server-7.0.15-$system-$machine"
            val resource = checkNotNull(RedisServer::class.java.getResourceAsStream("/$name")) { "$name is missing" }
            val file = Files.createTempFile("redis-server", "")
            file.toFile().deleteOnExit()
            resource.use { input -> Files.newOutputStream(file).use { input.copyTo(it) } }
            check(file.toFile().setExecutable(true)) { "$file cannot be executed" }
            file
        }
    }
}
