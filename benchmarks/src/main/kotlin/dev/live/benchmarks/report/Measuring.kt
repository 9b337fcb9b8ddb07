package dev.live.benchmarks.report

import dev.live.benchmarks.load.LoadResult
import dev.live.benchmarks.load.ProcessStats
import kotlinx.serialization.json.Json
import java.io.File

/**
 * Measures everything that is not measured yet. All servers take their turn in a case before the next case, and all
 * cases before the next round: what changes about the machine in the meantime changes for all of them.
 */
internal class Measuring(
    private val plan: ReportPlan,
    private val records: Records,
    private val java: String,
    private val jvm: List<String>,
) {
    private val processes = Processes()
    private val jar = File(Measuring::class.java.protectionDomain.codeSource.location.toURI()).path

    private class Cell(val round: Int, val case: Case, val server: Server)

    fun run() {
        val description =
            plan.jvms.values.distinct().singleOrNull()?.drop(1)?.joinToString(" ")
                ?: plan.jvms.entries.joinToString("; ") { (name, command) -> "$name: ${command.joinToString(" ")}" }
        records.writeMachine(Machine.here(java, description, processes.pinned, plan.command))
        val cells =
            (1..plan.rounds).flatMap { round ->
                plan.cases.flatMap { case -> plan.servers(case).map { Cell(round, case, it) } }
            }
        val missing = cells.filterNot { records.has(it.round, it.case, it.server) }
        println("${missing.size} of ${cells.size} cells are to be measured")
        val start = System.nanoTime()
        for ((i, cell) in missing.withIndex()) {
            val result = measure(cell)
            records.write(Record(cell.round, cell.case.name, cell.server.name, result))
            val each = (System.nanoTime() - start) / 1e9 / (i + 1)
            val left = (each * (missing.size - i - 1)).toLong()
            println(
                "[${i + 1}/${missing.size}, ${left / 60}:${"%02d".format(left % 60)} left] ${cell.describe(result)}",
            )
        }
    }

    private fun Cell.describe(result: LoadResult): String =
        "round $round ${case.name} ${server.name}: " +
            (result.failure ?: if (result.deliveries > 0) "%,.0f/s".format(result.deliveriesPerSecond) else "done")

    private fun measure(cell: Cell): LoadResult {
        val port = Processes.freePort()
        return try {
            val serverJvm = plan.jvms[cell.server.name.substringAfter('@')] ?: jvm
            processes.withServer(cell.server.command(serverJvm, jar, port)) { pid -> load(cell, port, pid) }
        } catch (e: IllegalStateException) {
            failure(cell, e.message.orEmpty())
        }
    }

    private fun load(cell: Cell, port: Int, pid: Long): LoadResult {
        val file = File.createTempFile("result", ".json")
        try {
            file.delete()
            val isIdle = cell.case.name == Case.IDLE
            val command =
                listOf(java, "-XX:+UseParallelGC", "-Xmx1g", "-jar", jar, "load") + cell.case.loadArguments +
                    listOf("--port", "$port", "--protocol", cell.server.protocol, "--server-pid", "$pid") +
                    // idle clients are looked at once and need not stay
                    listOf("--warmup", "${plan.warmup}", "--seconds", if (isIdle) "0" else "${plan.seconds}") +
                    listOf("--json", file.path)
            val output = processes.run(command, (plan.warmup + plan.seconds).toLong() + LOAD_SECONDS)
            if (!file.exists()) return failure(cell, "the generator did not finish: ${output.take(500)}")
            val result = Json.decodeFromString<List<LoadResult>>(file.readText()).single()
            val isGone = result.failure == null && ProcessStats(pid).residentBytes() == null
            return if (isGone) result.copy(failure = "the server died") else result
        } finally {
            file.delete()
        }
    }

    private fun failure(cell: Cell, why: String): LoadResult =
        LoadResult(cell.case.name, cell.server.protocol, subscribers = 0, topics = 0, payload = 0, failure = why)

    private companion object {
        const val LOAD_SECONDS = 180L // to open the connections, on top of what is measured
    }
}
