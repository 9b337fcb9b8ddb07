package dev.live.samples.cluster

import kotlinx.coroutines.future.await
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.slf4j.LoggerFactory
import java.io.File
import java.io.IOException
import java.net.URI
import java.net.URLClassLoader
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.nio.file.Path
import java.time.Duration
import kotlin.time.Duration.Companion.seconds

/** One node of the chat in a process of its own, as the load balancer sees it. */
class NodeProcess(val name: String, private val redisUrl: String, private val pageOrigin: String) : AutoCloseable {
    @Volatile
    private var process: ChildProcess? = null

    /** The port of the running node, which it prints when it listens. */
    @Volatile
    private var port: Int? = null

    /** The port, if the last health check has succeeded. */
    @Volatile
    var readyPort: Int? = null
        private set

    val pid: Long? get() = process?.takeIf { it.isRunning }?.pid

    /** Starts the node if it does not run. */
    @Synchronized
    fun start() {
        if (pid != null) return
        port = null
        val environment =
            mapOf(
                "NODE" to name,
                "HOST" to "127.0.0.1",
                "PORT" to "0",
                "REDIS_URL" to redisUrl,
                "PAGE_ORIGIN" to pageOrigin,
            )
        process =
            ChildProcess("node $name", JAVA + NODE_CLASS, environment) { line ->
                LISTENING.find(line)?.let { port = it.groupValues[1].toInt() }
                log.info("node {} | {}", name, line)
            }
        log.info("node {} is process {}", name, pid)
    }

    /** Ends the process as by kill -9: its clients are not notified. */
    fun kill() {
        process?.kill()
    }

    /** Asks the node to drain, and waits for its end: at first its health check fails, then it closes its sessions. */
    suspend fun drain() {
        val draining = process ?: return
        draining.terminate()
        withTimeoutOrNull(DRAIN_TIMEOUT) { draining.awaitEnd() } ?: draining.kill()
        draining.awaitEnd()
    }

    /** Asks the node for its health, as load balancers do. Returns the `status` of the answer, or the node's state. */
    suspend fun check(): String {
        val answer = health()
        readyPort = if (answer?.statusCode() == OK) port else null
        return when {
            answer != null -> Json.parseToJsonElement(answer.body()).jsonObject.getValue("status").jsonPrimitive.content
            pid == null -> "ended"
            port == null -> "starting"
            else -> "no answer"
        }
    }

    private suspend fun health(): HttpResponse<String>? {
        if (pid == null) return null
        val uri = URI("http://127.0.0.1:${port ?: return null}/health")
        val request = HttpRequest.newBuilder(uri).timeout(CHECK_TIMEOUT).build()
        return try {
            http.sendAsync(request, HttpResponse.BodyHandlers.ofString()).await()
        } catch (_: IOException) {
            null
        }
    }

    override fun close() {
        process?.close()
    }

    private companion object {
        const val NODE_CLASS = "dev.live.samples.cluster.NodeKt"
        const val OK = 200
        val LISTENING = Regex("""running at http://localhost:(\d+)""")
        val CHECK_TIMEOUT: Duration = Duration.ofSeconds(1)
        val DRAIN_TIMEOUT = 30.seconds
        val http: HttpClient = HttpClient.newHttpClient()
        val log = LoggerFactory.getLogger("samples")!!

        /** Maven's exec:java runs this class in a class loader of its own. */
        val CLASS_PATH: String =
            (NodeProcess::class.java.classLoader as? URLClassLoader)
                ?.urLs?.joinToString(File.pathSeparator) { Path.of(it.toURI()).toString() }
                ?: System.getProperty("java.class.path")

        /** Options for a short start, and for one event loop: see docs/cluster.md, live-netty. */
        val JAVA =
            listOf(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx128m",
                "-Dio.lettuce.core.iouring=false",
                "-cp",
                CLASS_PATH,
            )
    }
}
