package dev.live.samples.cluster

import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldHaveAtLeastSize
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.withTimeout
import java.net.InetAddress
import java.net.ServerSocket
import java.nio.file.Path
import kotlin.concurrent.thread

class ProcessesTest : FunSpec({

    for (signal in listOf("KILL", "INT")) {
        test("Redis and the nodes end with the launcher, which ends by SIG$signal") {
            Launcher().use { launcher ->
                val processes = launcher.descendants()

                launcher.signal(signal)

                eventually(HANG_TIMEOUT) { processes.filter { it.isAlive }.shouldBeEmpty() }
            }
        }
    }

    test("a used port of the page is an error with the solution, and exit code 1") {
        ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { used ->
            Launcher(port = used.localPort).use { launcher ->
                launcher.awaitLine("Port ${used.localPort} of the page is in use. Select another one: PORT=")
                launcher.exitCode() shouldBe 1
            }
        }
    }

    test("a used port of Redis is an error with the output of Redis") {
        RedisProcess().use { redis ->
            ServerSocket(redis.port, 1, InetAddress.getLoopbackAddress()).use {
                val failure = shouldThrow<ClusterException> { redis.start() }

                failure.message shouldContain "Redis on port ${redis.port} has ended"
                failure.message shouldContain "Could not create server TCP listening socket"
            }
        }
    }

    test("Redis starts again on the same port after it was killed") {
        RedisProcess().use { redis ->
            redis.start()
            val first = redis.pid
            ProcessHandle.of(first!!).get().destroyForcibly()
            eventually(HANG_TIMEOUT) { redis.pid shouldBe null }

            redis.start()

            redis.answers() shouldBe true
        }
    }

    test("a platform without an executable of Redis is an error with the solution") {
        val failure = shouldThrow<ClusterException> { RedisProcess(executableOf("Windows 11", "amd64")).start() }

        failure.message shouldContain "contains no Redis for"
        failure.message shouldContain "Run it on Linux or macOS"
    }

    for ((platform, executable) in listOf(
        ("Linux" to "amd64") to "redis-server-7.0.15-linux-amd64",
        ("Linux" to "aarch64") to "redis-server-7.0.15-linux-arm64",
        ("Mac OS X" to "x86_64") to "redis-server-7.0.15-darwin-amd64",
        ("Mac OS X" to "aarch64") to "redis-server-7.0.15-darwin-arm64",
    )) {
        test("the executable of ${platform.first} on ${platform.second} is part of the sample") {
            executableOf(platform.first, platform.second) shouldBe executable
            (RedisProcess::class.java.getResource("/$executable") != null) shouldBe true
        }
    }
})

/** The launcher of the sample in a process of its own. */
private class Launcher(port: Int = freePort()) : AutoCloseable {
    private val lines = Channel<String>(Channel.UNLIMITED)
    private val process: Process =
        ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path"),
            "dev.live.samples.cluster.MainKt",
        ).redirectErrorStream(true).apply { environment() += mapOf("PORT" to "$port", "BALANCER_PORT" to "0") }.start()

    init {
        thread(isDaemon = true) {
            process.inputStream.bufferedReader().forEachLine { lines.trySend(it) }
            lines.close()
        }
    }

    /** Redis, the nodes and their guards, after all nodes have started. */
    suspend fun descendants(): List<ProcessHandle> {
        repeat(3) { awaitLine("running at http://localhost", "node ") }
        return process.toHandle().descendants().toList().also { it shouldHaveAtLeastSize 8 }
    }

    suspend fun awaitLine(vararg parts: String) {
        val output = mutableListOf<String>()
        withTimeout(HANG_TIMEOUT) {
            for (line in lines) {
                output += line
                if (parts.all { it in line }) return@withTimeout
            }
            throw AssertionError("the launcher has ended:\n" + output.joinToString("\n"))
        }
    }

    fun signal(name: String) {
        ProcessBuilder("kill", "-$name", "${process.pid()}").start().waitFor()
    }

    fun exitCode(): Int = process.waitFor()

    override fun close() {
        process.destroyForcibly().waitFor()
    }
}

private fun freePort(): Int = ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { it.localPort }
