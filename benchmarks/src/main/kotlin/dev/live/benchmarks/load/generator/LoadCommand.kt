package dev.live.benchmarks.load.generator

import com.github.ajalt.clikt.core.ProgramResult
import com.github.ajalt.clikt.parameters.options.default
import com.github.ajalt.clikt.parameters.options.flag
import com.github.ajalt.clikt.parameters.options.option
import com.github.ajalt.clikt.parameters.types.choice
import com.github.ajalt.clikt.parameters.types.double
import com.github.ajalt.clikt.parameters.types.file
import com.github.ajalt.clikt.parameters.types.int
import com.github.ajalt.clikt.parameters.types.long
import com.github.ajalt.clikt.parameters.types.restrictTo
import dev.live.benchmarks.cli.BenchmarkCommand
import dev.live.benchmarks.cli.portOption
import kotlinx.serialization.encodeToString
import kotlinx.serialization.json.Json
import java.util.Locale

/** `load …`: runs one scenario, prints the result, and writes it to `--json`. The exit code is 1 on failure. */
internal class LoadCommand :
    BenchmarkCommand("load", "The load generator. Runs one scenario against a running server.") {
    private val port by portOption("port of the server")
    private val host by option(help = "address of the server").default("127.0.0.1")
    private val protocol by option(help = "protocol of the server")
        .choice("live", "plain", "socketio", "stomp").default("live")
    private val scenario by option(help = "clients and publishes; the README describes each scenario")
        .choice("fanout", "topics", "echo", "request", "blocking", "rate", "idle", "flat", "many").default("fanout")
    private val codec by option(help = "encoding of the protocol 'live'")
        .choice("json", "cbor", "msgpack").default("json")
    private val subscribers by option(help = "number of receiving clients; the default depends on the scenario")
        .int().restrictTo(min = 1)
    private val topics by option(help = "number of topics; the default depends on the scenario")
        .int().restrictTo(min = 1)
    private val hot by option(help = "number of topics that receive publishes; all by default")
        .int().restrictTo(min = 1)
    private val inflight by option(help = "publishes in flight; 8 by default").int().restrictTo(min = 1)
    private val publishers by option(help = "connections that publish to the topic of 'fanout'; at most --inflight")
        .int().restrictTo(min = 1).default(1)
    private val blockEvery by option(help = "in 'blocking', every N-th message has a handler that blocks for 50 ms")
        .int().restrictTo(min = 2).default(100)
    private val rate by option(help = "deliveries per second of the scenario 'rate'")
        .int().restrictTo(min = 1).default(50_000)
    private val payload by option(help = "bytes of a payload").int().restrictTo(min = Marker.SIZE).default(128)
    private val content by option(help = "content of a payload: equal letters, or a JSON object")
        .choice("letters", "json").default("letters")
    private val compression by option(help = "the clients offer compression").flag()
    private val warmup by option(help = "seconds before the measurement").double().restrictTo(min = 0.0).default(3.0)
    private val seconds by option(help = "seconds of the measurement; 5 by default, and unlimited for 'idle'")
        .double().restrictTo(min = 0.0)
    private val serverPid by option(help = "process of the server, to measure its CPU time and memory").long()
    private val json by option(help = "file for the result").file(canBeDir = false)

    override fun run() {
        val plan =
            LoadPlan(
                scenario = scenario,
                port = port,
                host = host,
                protocol = protocol,
                codec = codec,
                subscribers = subscribers,
                topics = topics,
                hot = hot,
                inflight = inflight,
                publishers = publishers,
                blockEvery = blockEvery,
                rate = rate,
                payload = payload,
                isJson = content == "json",
                offersCompression = compression,
                warmup = warmup,
                seconds = seconds ?: 5.0,
                hold = seconds,
                serverPid = serverPid,
            )
        val results =
            try {
                Scenarios(plan).run()
            } catch (e: IllegalStateException) {
                listOf(failed(plan, e.message.orEmpty()))
            } catch (e: BadFrameException) {
                listOf(failed(plan, "the server sent ${e.message}"))
            }
        for (result in results) println(result.describe())
        json?.writeText(Json.encodeToString(results))
        throw ProgramResult(if (results.any { it.failure != null }) 1 else 0)
    }
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
        publishers?.let { append(", $it publishers") }
        if (failure != null) return "$this: FAILED: $failure"
        if (deliveries > 0) {
            append(String.format(Locale.ROOT, ": %,.0f deliveries/s", deliveriesPerSecond))
            append("; lost $lost, duplicates $duplicates, out of order $outOfOrder")
            append(String.format(Locale.ROOT, "; p50 %.0f µs, p99 %.0f µs, p99.9 %.0f µs", p50, p99, p999))
            framesPerRead?.let { append(String.format(Locale.ROOT, "; %.1f frames per read", it)) }
            slow?.let { append(String.format(Locale.ROOT, "; %,d blocked, p50 %.0f µs", it.count, it.p50)) }
            serverCpuPerMillion?.let { append(String.format(Locale.ROOT, "; server %.2f CPU s per million", it)) }
            generatorCpu?.let { append(String.format(Locale.ROOT, "; generator %.0f %% of a core", it * 100)) }
            otherCpu?.let { append(String.format(Locale.ROOT, "; other processes %.0f %%", it * 100)) }
            steal?.let { append(String.format(Locale.ROOT, "; steal %.0f %%", it * 100)) }
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
