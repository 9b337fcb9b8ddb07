package dev.live.client

import dev.live.client.connection.ConnectionState
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import java.io.File
import java.util.concurrent.TimeUnit

/** Each in a JVM of its own, on two cores: what is looked at happens to the first connections of a small machine. */
class FirstConnectionsTest : FunSpec({

    test("clients that begin together, as the first of a process, are all connected") {
        exitOf(clients = 8) shouldBe 0
    }

    test("as many clients at once as use up what Ktor keeps for its upgrades are all connected") {
        exitOf(clients = 400) shouldBe 0
    }
})

/** How a process ended in which as many clients connected; null if they did not in a minute. */
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
