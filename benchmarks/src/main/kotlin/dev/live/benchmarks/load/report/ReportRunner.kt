package dev.live.benchmarks.load.report

import com.github.ajalt.clikt.core.CliktError
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
        if (!plan.isFresh) requireSameProcessor()
        val use = awaitQuiet()
        if (plan.isFresh) records.delete(plan.cases) // not before it is certain that new results replace them
        use?.let { println("processor: ${Machine.processor()}; before the measurements: ${it.describe()}") }
        val machine = Machine.here(java, description, processes.pinned, plan.command, packages, use)
        records.writeMachine(machine)
        val measurements =
            (1..plan.rounds).flatMap { round ->
                plan.cases.flatMap { case -> plan.servers(case).map { Measurement(round, case, it) } }
            }
        val missing = measurements.filterNot { records.has(it.round, it.case, it.server) }
        println("${missing.size} of ${measurements.size} measurements are missing")
        val start = System.nanoTime()
        for ((i, measurement) in missing.withIndex()) {
            val result = measureQuietly(measurement)
            val names = measurement.case.name to measurement.server.name
            records.write(Record(measurement.round, names.first, names.second, result, machine.commit, machine.cpu))
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
            (result.failure ?: if (result.deliveries > 0) "%,.0f/s".format(result.deliveriesPerSecond) else "done") +
            if (result.isDisturbed) ", not quiet: ${number(result.otherCpu, 2)} cores of other processes" else ""

    /**
     * Repeats a measurement that other processes disturbed. The last attempt counts; the report lists it if it was
     * disturbed too.
     */
    private fun measureQuietly(measurement: Measurement): LoadResult {
        var result = measure(measurement)
        var attempts = 1
        while (result.isDisturbed && !plan.isBusyAllowed && attempts++ < MAX_ATTEMPTS) {
            println("${measurement.describe(result)}; repeating")
            awaitQuiet()
            result = measure(measurement)
        }
        return result
    }

    /**
     * Waits until the machine is quiet, and returns what it does. Null if that is unknown.
     *
     * @throws CliktError if the machine is still busy after a minute, unless busy machines are allowed
     */
    private fun awaitQuiet(): MachineUse? {
        var use = MachineUse.sample(SAMPLE_MILLIS) ?: return null
        if (plan.isBusyAllowed) {
            if (!use.isQuiet) println("WARNING: the machine is not quiet: ${use.describe()}")
            return use
        }
        val end = System.nanoTime() + QUIET_NANOS
        while (!use.isQuiet) {
            if (System.nanoTime() > end) {
                throw CliktError(
                    "The machine is not quiet: ${use.describe()}. End these processes and run the command again, " +
                        "without --fresh to continue. With --busy it measures nevertheless.",
                    statusCode = 2,
                )
            }
            use = MachineUse.sample(SAMPLE_MILLIS) ?: return null
        }
        return use
    }

    /** Ratios between results of two processors would have no meaning. */
    private fun requireSameProcessor() {
        val cases = plan.cases.map { it.name }.toSet()
        val here = Machine.processor()
        val other = records.all().find { it.case in cases && it.cpu != null && it.cpu != here } ?: return
        throw CliktError(
            "The stored results of '${other.case}' are from another processor: ${other.cpu}, this is $here. " +
                "Add --fresh to measure again, or --results to use another folder.",
            statusCode = 2,
        )
    }

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
            val isIdle = measurement.case.kind == CaseKind.MEMORY
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
        const val MAX_ATTEMPTS = 3
        const val SAMPLE_MILLIS = 3_000L
        const val QUIET_NANOS = 60_000_000_000L
    }
}
