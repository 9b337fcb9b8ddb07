package dev.live.benchmarks.load.compression

import dev.live.benchmarks.load.generator.LoadPlan
import dev.live.benchmarks.load.generator.LoadResult
import dev.live.benchmarks.load.generator.Scenarios
import dev.live.benchmarks.load.report.Processes
import dev.live.benchmarks.load.report.Server

/**
 * A fan-out to [SUBSCRIBERS] clients from a server in a process of its own.
 *
 * @property level level of the server's compression; 0: none
 */
internal class CompressionFanOut(val size: Int, val level: Int) {
    fun measure(seconds: Double): LoadResult {
        val port = Processes.freePort()
        val java = ProcessHandle.current().info().command().orElse("java")
        val jvm = listOf(java, "-XX:+UseParallelGC", "-Xmx2g", "-Xmn256m", "-cp", System.getProperty("java.class.path"))
        val command = jvm + listOf(MAIN, "server", "--port", "$port", "--compression", "$level")
        return Processes().withServer(command) { pid ->
            val plan =
                LoadPlan(
                    scenario = "fanout",
                    port = port,
                    host = Server.HOST,
                    subscribers = SUBSCRIBERS,
                    inflight = IN_FLIGHT,
                    payload = size,
                    isJson = true,
                    offersCompression = level > 0,
                    warmup = seconds,
                    seconds = seconds,
                    serverPid = pid,
                )
            Scenarios(plan).run().single().also { result -> check(result.failure == null) { result.failure.orEmpty() } }
        }
    }

    companion object {
        const val SUBSCRIBERS = 1_000
        const val IN_FLIGHT = 8
        private const val MAIN = "dev.live.benchmarks.MainKt"
    }
}
