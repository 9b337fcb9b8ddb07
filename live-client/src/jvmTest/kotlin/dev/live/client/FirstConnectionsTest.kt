package dev.live.client

import dev.live.client.connection.ConnectionState
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import java.io.File
import java.util.concurrent.TimeUnit

/** In a JVM of its own, for what is looked at happens to the first connections of a process only. */
class FirstConnectionsTest : FunSpec({

    test("clients that begin together, as the first of a process on two cores, are all connected") {
        TinyServer().use { server ->
            val java = File(System.getProperty("java.home"), "bin/java").path
            val classPath = System.getProperty("java.class.path")
            val main = "dev.live.client.FirstConnectionsTestKt"
            val process =
                ProcessBuilder(java, "-XX:ActiveProcessorCount=2", "-cp", classPath, main, server.url)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
            try {
                process.waitFor(60, TimeUnit.SECONDS) shouldBe true
                process.exitValue() shouldBe 0
            } finally {
                process.destroyForcibly()
            }
        }
    }
})

fun main(args: Array<String>): Unit =
    runBlocking {
        val clients = List(8) { LiveClient(args.single()) }
        clients.forEach { client -> client.state.first { it is ConnectionState.Connected } }
        clients.forEach { it.close() }
    }
