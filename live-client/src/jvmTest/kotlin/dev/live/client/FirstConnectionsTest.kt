package dev.live.client

import dev.live.client.connection.ConnectionState
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import java.io.File
import java.util.concurrent.TimeUnit

/**
 * Runs each test in a separate JVM with two cores: the tested problems affect the first connections on a small machine.
 */
class FirstConnectionsTest : FunSpec({

    test("concurrent first clients of a process all connect") {
        exitOf(clients = 8) shouldBe 0
    }

    test("more concurrent clients than Ktor has prepared nonces all connect") {
        exitOf(clients = 400) shouldBe 0
    }
})

/** The exit code of a process that connects [clients] clients; null if it does not finish within a minute. */
private fun exitOf(clients: Int): Int? =
    TinyServer().use { server ->
        val java = File(System.getProperty("java.home"), "bin/java").path
        val classPath = System.getProperty("java.class.path")
        val main = "dev.live.client.FirstConnectionsTestKt"
        val process =
            ProcessBuilder(java, "-XX:ActiveProcessorCount=2", "-cp", classPath, main, server.url, "$clients")
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
        try {
            if (process.waitFor(60, TimeUnit.SECONDS)) process.exitValue() else null
        } finally {
            process.destroyForcibly()
        }
    }

fun main(args: Array<String>): Unit =
    runBlocking {
        val clients = List(args[1].toInt()) { LiveClient(args[0]) }
        clients.forEach { client -> client.state.first { it is ConnectionState.Connected } }
        clients.forEach { it.close() }
    }
