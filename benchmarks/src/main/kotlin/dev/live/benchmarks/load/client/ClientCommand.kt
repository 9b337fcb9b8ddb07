package dev.live.benchmarks.load.client

import com.github.ajalt.clikt.parameters.options.default
import com.github.ajalt.clikt.parameters.options.option
import com.github.ajalt.clikt.parameters.types.choice
import com.github.ajalt.clikt.parameters.types.file
import com.github.ajalt.clikt.parameters.types.int
import com.github.ajalt.clikt.parameters.types.restrictTo
import dev.live.benchmarks.cli.BenchmarkCommand
import dev.live.benchmarks.load.peer.NpmPeers
import dev.live.benchmarks.load.report.Machine
import dev.live.benchmarks.load.report.Processes
import dev.live.benchmarks.load.report.Server
import dev.live.benchmarks.load.report.markdownTable
import dev.live.benchmarks.load.report.median
import dev.live.benchmarks.load.report.number
import dev.live.client.LiveClient
import dev.live.client.topic.ConnectionLostException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import java.io.File
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** `client`: measures live's client and compares it with other clients. Writes the tables to `--out`. */
internal class ClientCommand : BenchmarkCommand("client", "Measures live's client: reconnects and allocations.") {
    private val rounds by option(help = "outages of each length").int().restrictTo(min = 1).default(5)
    private val clients by option(help = "clients of each kind").int().restrictTo(min = 1).default(40)
    private val only by option(help = "measure only one part").choice("reconnects", "allocations")
    private val before by option(help = "class path of live-protocol and live-client of an earlier build, to compare")
    private val out by option(help = "file for the tables")
        .file(canBeDir = false).default(File("benchmarks/results/client/CLIENT.md"))

    override fun run() {
        val self = File(ClientReport::class.java.protectionDomain.codeSource.location.toURI()).path
        val java = ProcessHandle.current().info().command().orElse("java")
        val beforeJava = before?.let { listOf(java, "-cp", it + File.pathSeparator + self, MAIN) }
        val kinds = Allocations.kinds(listOf(java, "-jar", self), beforeJava)
        val port = Processes.freePort()
        val processes = Processes(isPinned = false)
        val text =
            processes.withServer(Server.named("live").command(listOf(java), self, port)) {
                runBlocking { ClientReport(java, port, rounds, clients, kinds, only).text() }
            }
        out.absoluteFile.parentFile.mkdirs()
        out.writeText(text)
        println("wrote $out")
    }
}

private class ClientReport(
    private val java: String,
    private val port: Int,
    private val rounds: Int,
    private val clients: Int,
    private val kinds: List<Allocations.Kind>,
    private val only: String?,
) {
    suspend fun text(): String {
        val part = only?.let { " --only $it" }.orEmpty()
        val command = "client --rounds $rounds --clients $clients$part"
        val machine = Machine.here(java, "", pinned = false, command, NpmPeers.versions())
        return buildString {
            appendLine("# Client")
            appendLine()
            appendLine(
                "Made by `java -jar benchmarks/target/benchmarks.jar ${machine.command}` at commit ${machine.commit}.",
            )
            appendLine()
            val memory = "${machine.memory} of memory"
            appendLine("- Machine: ${machine.cpu}, ${machine.cores} cores, $memory, ${machine.kernel}")
            appendLine("- JVM: ${machine.java}")
            val versions = machine.versions.filterKeys { it in VERSIONS }.entries
            appendLine("- Versions: ${versions.joinToString { "${it.key} ${it.value}" }}")
            if (only != "allocations") appendReconnectTimes()
            if (only != "reconnects") appendAllocations()
        }
    }

    private suspend fun StringBuilder.appendReconnectTimes() {
        appendLine()
        appendLine("## Time from the end of an outage to the first message")
        appendLine()
        appendLine(
            "$clients clients of each kind behind a relay on loopback. For an outage, the relay resets all " +
                "connections and refuses new ones. The server sends every 20 ms. All kinds share the same outages, " +
                "$rounds of each length, with default settings. Krossbow is not included: it does not reconnect.",
        )
        appendLine()
        val scope = CoroutineScope(Dispatchers.Default)
        val publisher = LiveClient("ws://127.0.0.1:$port/live")
        scope.launch { publish(publisher) }
        val kinds =
            listOf(true, false).map { LiveReconnectingClients(port, hasMonitor = it, scope) } +
                SocketIoReconnectingClients()
        val times = ReconnectTimes(kinds, clients)
        times.start()
        val rows = OUTAGES.flatMap { outage -> rows(outage, kinds, List(rounds) { round(times, kinds, outage, it) }) }
        append(markdownTable(listOf("outage", "client", "median", "p99", "× Socket.IO's median"), rows))
        kinds.forEach { it.close() }
        scope.coroutineContext.job.cancelAndJoin()
        publisher.close()
    }

    /**
     * Publishes every 20 ms. This client does not use the relay. A lost connection is logged, because it invalidates
     * the times of that outage.
     */
    private suspend fun publish(publisher: LiveClient) {
        val topic = publisher.topic<String>(LiveReconnectingClients.TOPIC)
        while (true) {
            try {
                topic.publish("news")
            } catch (e: ConnectionLostException) {
                println("the publisher lost its connection: ${e.message} (${publisher.state.value})")
            }
            delay(20.milliseconds)
        }
    }

    private fun round(
        times: ReconnectTimes,
        kinds: List<ReconnectingClients>,
        outage: Duration,
        number: Int,
    ): ReconnectTimes.Round {
        val round = times.round(outage)
        val medians = kinds.joinToString { "${it.name} ${number(round.medianOf(it), 0)} ms" }
        println("outage ${number + 1} of $rounds of $outage: $medians")
        return round
    }

    private fun rows(
        outage: Duration,
        kinds: List<ReconnectingClients>,
        all: List<ReconnectTimes.Round>,
    ): List<List<String>> =
        kinds.map { kind ->
            val sorted = all.flatMap { it.of(kind) }.sorted()
            val ratio = all.map { it.medianOf(kind) / it.medianOf(kinds.last()) }.median()
            val p99 = sorted[(sorted.size * 99 + 99) / 100 - 1]
            listOf("$outage", kind.name, milliseconds(sorted[sorted.size / 2]), milliseconds(p99), number(ratio, 2))
        }

    private fun ReconnectTimes.Round.medianOf(kind: ReconnectingClients): Double =
        checkNotNull(of(kind).map { it / 1.milliseconds }.median())

    private fun milliseconds(time: Duration): String = "${number(time / 1.milliseconds, 0)} ms"

    private suspend fun StringBuilder.appendAllocations() {
        appendLine()
        appendLine("## Allocated per received message")
        appendLine()
        appendLine(
            "Bytes that the client's process allocates for each of $MEASURED messages, after a warm-up with $WARMUP. " +
                "Each message is received, decoded into a data class of four fields and collected. The baseline is a " +
                "handwritten WebSocket client on Ktor that decodes the same envelope from the same server with " +
                "kotlinx.serialization. It has no subscriptions and no bounds. The publisher writes one message or " +
                "eight at once, and waits until the client has received them. Medians of $ROUNDS interleaved rounds.",
        )
        val allocations = Allocations(port)
        val all = List(ROUNDS) { Allocations.BURSTS.associateWith { burst -> round(allocations, burst) } }
        for (burst in Allocations.BURSTS) {
            appendLine()
            appendLine(if (burst == 1) "One message at a time:" else "Bursts of $burst messages:")
            appendLine()
            val columns = listOf("client", "bytes", "spread", "× handwritten")
            append(markdownTable(columns, rows(all.map { it.getValue(burst) })))
        }
    }

    private suspend fun round(allocations: Allocations, burst: Int): Map<Allocations.Kind, Double> =
        kinds.associateWith { kind ->
            allocations.of(kind, burst).toDouble().also {
                println("${kind.name}, burst $burst: ${number(it, 0)} bytes per message")
            }
        }

    private fun rows(rounds: List<Map<Allocations.Kind, Double>>): List<List<String>> =
        kinds.map { kind ->
            val bytes = rounds.map { it.getValue(kind) }
            val ratio = rounds.map { it.getValue(kind) / it.getValue(kind.baseline ?: kind) }.median()
            val spread = "${number(bytes.min(), 0)} – ${number(bytes.max(), 0)}"
            listOf(kind.name, number(bytes.median(), 0), spread, number(ratio, 2))
        }

    private companion object {
        const val ROUNDS = 3
        val OUTAGES = listOf(2.seconds, 10.seconds)
        val VERSIONS = setOf("Kotlin", "Ktor", "coroutines", "live", "socket.io", "Node")
    }
}

private const val MAIN = "dev.live.benchmarks.MainKt"
