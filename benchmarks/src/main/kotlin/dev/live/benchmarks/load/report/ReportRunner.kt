package dev.live.benchmarks.load.report

import dev.live.benchmarks.load.generator.LoadResult
import dev.live.benchmarks.load.generator.ProcessStats
import dev.live.benchmarks.load.peer.NpmPeers
import kotlinx.serialization.json.Json
import java.io.File

/**
 * Measures all missing results. A case runs on all servers before the next case, and all cases run before the next
 * round. Changes of the machine therefore affect all servers alike.
 */
internal class ReportRunner(
    private val plan: ReportPlan,
    private val records: ResultStore,
    private val java: String,
    private val jvm: List<String>,
) {
    private val processes = Processes()
    private val jar = File(ReportRunner::class.java.protectionDomain.codeSource.location.toURI()).path

    private class Measurement(val round: Int, val case: Case, val server: Server)

    fun run() {
        val description =
            plan.jvms.values.distinct().singleOrNull()?.drop(1)?.joinToString(" ")
                ?: plan.jvms.entries.joinToString("; ") { (name, command) -> "$name: ${command.joinToString(" ")}" }
        val packages = NpmPeers.versions()
        records.writeMachine(Machine.here(java, description, processes.pinned, plan.command, packages))
        val measurements =
            (1..plan.rounds).flatMap { round ->
                plan.cases.flatMap { case -> plan.servers(case).map { Measurement(round, case, it) } }
            }
        val missing = measurements.filterNot { records.has(it.round, it.case, it.server) }
        println("${missing.size} of ${measurements.size} measurements are missing")
        val start = System.nanoTime()
        for ((i, measurement) in missing.withIndex()) {
            val result = measure(measurement)
            records.write(Record(measurement.round, measurement.case.name, measurement.server.name, result))
            val each = (System.nanoTime() - start) / 1e9 / (i + 1)
            val left = (each * (missing.size - i - 1)).toLong()
            println(
                "[${i + 1}/${missing.size}, ${left / 60}:${"%02d".format(left % 60)} left] " +
                    measurement.describe(result),
            )
        }
    }

    private fun Measurement.describe(result: LoadResult): String =
        "round $round ${case.name} ${server.name}: " +
            (result.failure ?: if (result.deliveries > 0) "%,.0f/s".format(result.deliveriesPerSecond) else "done")

    private fun measure(measurement: Measurement): LoadResult {
        val port = Processes.freePort()
        return try {
            val serverJvm = plan.jvms[measurement.server.name.substringAfter('@')] ?: jvm
            val command = measurement.server.command(serverJvm, jar, port)
            processes.withServer(command) { pid -> load(measurement, port, pid) }
        } catch (e: IllegalStateException) {
            failure(measurement, e.message.orEmpty())
        }
    }

    private fun load(measurement: Measurement, port: Int, pid: Long): LoadResult {
        val file = File.createTempFile("result", ".json")
        try {
            file.delete()
            val isIdle = measurement.case.name == Case.IDLE
            val command =
                listOf(java, "-XX:+UseParallelGC", "-Xmx1g", "-jar", jar, "load") + measurement.case.loadArguments +
                    listOf("--port", "$port", "--protocol", measurement.server.protocol, "--server-pid", "$pid") +
                    // idle clients are measured once and need not stay connected
                    listOf("--warmup", "${plan.warmup}", "--seconds", if (isIdle) "0" else "${plan.seconds}") +
                    listOf("--json", file.path)
            val output = processes.run(command, (plan.warmup + plan.seconds).toLong() + LOAD_SECONDS)
            if (!file.exists()) return failure(measurement, "the generator did not finish: ${output.take(500)}")
            val result = Json.decodeFromString<List<LoadResult>>(file.readText()).single()
            val isGone = result.failure == null && ProcessStats(pid).residentBytes() == null
            return if (isGone) result.copy(failure = "the server process ended") else result
        } finally {
            file.delete()
        }
    }

    private fun failure(measurement: Measurement, reason: String): LoadResult =
        LoadResult(
            scenario = measurement.case.name,
            protocol = measurement.server.protocol,
            subscribers = 0,
            topics = 0,
            payload = 0,
            failure = reason,
        )

    private companion object {
        const val LOAD_SECONDS = 180L // time to open the connections, in addition to the measured time
    }
}
