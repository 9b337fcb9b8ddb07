package dev.live.samples.cluster

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import java.io.IOException
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.nio.file.Files
import java.nio.file.Path
import java.util.Locale
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/** A real Redis on a free port of this machine, without persistence. Its executable is part of a jar. */
class RedisProcess(private val executable: String = executableOf(osName, osArchitecture)) : AutoCloseable {
    val port: Int = ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { it.localPort }
    val url: String get() = "redis://127.0.0.1:$port"

    private val starting = Mutex()

    @Volatile
    private var process: ChildProcess? = null

    val pid: Long? get() = process?.takeIf { it.isRunning }?.pid

    /**
     * Starts Redis if it does not run, and waits until it answers.
     *
     * @throws ClusterException if it does not start; the message contains its output
     */
    suspend fun start(): Unit =
        withContext(Dispatchers.IO) {
            starting.withLock {
                if (pid != null) return@withLock
                val folder = Files.createTempDirectory("live-cluster")
                try {
                    process = start(unpack(folder))
                } finally {
                    folder.toFile().deleteRecursively() // a running program does not need its file
                }
            }
        }

    private suspend fun start(file: Path): ChildProcess {
        val output = ArrayDeque<String>()
        val started =
            ChildProcess(
                "redis",
                listOf("$file", "--port", "$port", "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"),
            ) { line -> synchronized(output) { output += line } }
        val isReady =
            withTimeoutOrNull(START_TIMEOUT) {
                while (started.isRunning && !answers()) delay(POLL_INTERVAL)
                started.isRunning
            }
        if (isReady == true) return started
        started.close()
        val reason = if (isReady == null) "did not answer within $START_TIMEOUT" else "has ended"
        throw ClusterException(
            "Redis on port $port $reason. Start the sample again if the port was taken in the meantime. " +
                "The output of Redis:\n" + synchronized(output) { output.joinToString("\n").ifEmpty { "(none)" } },
        )
    }

    /** Whether Redis answers a PING within half a second. */
    suspend fun answers(): Boolean =
        withContext(Dispatchers.IO) {
            try {
                Socket(InetAddress.getLoopbackAddress(), port).use { socket ->
                    socket.soTimeout = PING_TIMEOUT_MILLIS
                    socket.getOutputStream().write("PING\r\n".encodeToByteArray())
                    socket.getInputStream().readNBytes(PONG.length).decodeToString() == PONG
                }
            } catch (_: IOException) {
                false
            }
        }

    /** Stops Redis without closing its connections, as by SIGSTOP, until [resume]. */
    fun pause() {
        process?.pause()
    }

    fun resume() {
        process?.resume()
    }

    override fun close() {
        process?.close()
    }

    private fun unpack(folder: Path): Path {
        val file = folder.resolve(executable)
        val resource = javaClass.getResourceAsStream("/$executable") ?: throw ClusterException(noExecutable)
        resource.use { Files.copy(it, file) }
        check(file.toFile().setExecutable(true)) { "$file cannot be made executable" }
        return file
    }

    private companion object {
        val START_TIMEOUT = 1.minutes
        val POLL_INTERVAL = 20.milliseconds
        const val PING_TIMEOUT_MILLIS = 500
        const val PONG = "+PONG"
    }
}

private val osName = System.getProperty("os.name")
private val osArchitecture = System.getProperty("os.arch")

private val noExecutable =
    "The sample contains no Redis for $osName on $osArchitecture. Run it on Linux or macOS, on x86-64 or ARM64; on " +
        "Windows, run it in the Windows Subsystem for Linux."

/** The name of the executable in the jar of `org.signal:embedded-redis`. */
internal fun executableOf(name: String, architecture: String): String {
    val system =
        when {
            name.startsWith("Linux") -> "linux"
            name.startsWith("Mac") -> "darwin"
            else -> name.lowercase(Locale.ROOT)
        }
    val machine = mapOf("x86_64" to "amd64", "aarch64" to "arm64")[architecture] ?: architecture
    return "redis-server-7.0.15-$system-$machine"
}
