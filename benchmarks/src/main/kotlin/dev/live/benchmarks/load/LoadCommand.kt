package dev.live.benchmarks.load

import dev.live.benchmarks.Options
import kotlinx.serialization.encodeToString
import kotlinx.serialization.json.Json
import java.io.File
import java.util.Locale
import kotlin.system.exitProcess

/** `load …`: runs one scenario, prints the result, and writes it to `--json`. The exit code is 1 on failure. */
internal fun runLoad(args: List<String>) {
    val options = Options(args, LoadPlan.OPTIONS)
    val plan = LoadPlan.of(options)
    val results =
        try {
            Scenarios(plan).run()
        } catch (e: IllegalStateException) {
            listOf(failed(plan, e.message.orEmpty()))
        } catch (e: BadFrameException) {
            listOf(failed(plan, "the server sent ${e.message}"))
        }
    for (result in results) println(result.describe())
    options.text("json")?.let { File(it).writeText(Json.encodeToString(results)) }
    exitProcess(if (results.any { it.failure != null }) 1 else 0)
}

private fun failed(plan: LoadPlan, reason: String): LoadResult =
    LoadResult(
        scenario = plan.scenario,
        protocol = plan.protocol,
        subscribers = plan.subscribers ?: 0,
        topics = plan.topics ?: 0,
        payload = plan.payload,
        failure = reason,
    )

private fun LoadResult.describe(): String =
    buildString {
        append("$scenario: $subscribers subscribers, $topics topics")
        inflight?.let { append(", $it in flight") }
        if (failure != null) return "$this: FAILED: $failure"
        if (deliveries > 0) {
            append(String.format(Locale.ROOT, ": %,.0f deliveries/s", deliveriesPerSecond))
            append("; lost $lost, duplicates $duplicates, out of order $outOfOrder")
            append(String.format(Locale.ROOT, "; p50 %.0f µs, p99 %.0f µs, p99.9 %.0f µs", p50, p99, p999))
            serverCpuPerMillion?.let { append(String.format(Locale.ROOT, "; server %.2f CPU s per million", it)) }
            generatorCpu?.let { append(String.format(Locale.ROOT, "; generator %.0f %% of a core", it * 100)) }
        }
        serverResidentBytes?.let { append(String.format(Locale.ROOT, "; RSS %.1f MiB", it / 1048576.0)) }
        memory?.let { memory ->
            memory.heapBytes?.let { append("; ${it / memory.count} B of heap each") }
            memory.residentBytes?.let { append("; ${it / memory.count} B of RSS each") }
            for (growth in memory.classes) {
                append(
                    String.format(
                        Locale.ROOT,
                        "%n%10.1f B %6.2f  %s",
                        growth.bytes.toDouble() / memory.count,
                        growth.instances.toDouble() / memory.count,
                        growth.name,
                    ),
                )
            }
        }
    }
