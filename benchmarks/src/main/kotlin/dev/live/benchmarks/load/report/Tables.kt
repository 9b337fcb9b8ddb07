package dev.live.benchmarks.load.report

import java.util.Locale

/** A case as a table and as a bar chart. */
internal interface CaseTable {
    /** The unit of the bars. */
    val unit: String

    fun render(): String

    fun bars(): List<Bar>
}

/**
 * The servers in the denominator of the ratios, in column order.
 *
 * A server is compared with raw Netty on its own event loop, because the loop is a choice of the application.
 */
internal class Bases(records: List<Record>) {
    private val names = ALL.filter { base -> records.any { it.server.substringBefore('@') == base } }

    /** The heading of each column, after [prefix]. */
    fun headings(prefix: String): List<String> =
        names.map { "$prefix$it" + if (it in NETTY) ", same loop" else "" }

    /** The median ratios of [server] to each of the bases. */
    fun ratios(samples: Samples, server: String): List<String> =
        names.map { number(samples.ratio(server, baseOf(it, server)), 2) }

    companion object {
        private val NETTY = listOf("netty-coalesced", "netty-flush", "netty-threads")
        private val ALL = NETTY + listOf("ktor-trysend", "ktor-cio-trysend", "bun")

        /** The name of [base] on the event loop and in the JVM variant of [server]. */
        fun baseOf(base: String, server: String): String {
            val name = if (base in NETTY) Server.nettyOn(base, Server.loopOf(server)) else base
            val isJvm = Server.ALL.any { it.name == name && it.isJvm }
            return if ('@' in server && isJvm) "$name@${server.substringAfter('@')}" else name
        }
    }
}

/** Deliveries per second with their CPU cost and latency. */
internal class ThroughputTable(private val records: List<Record>) : CaseTable {
    private val rate = Samples.of(records) { r -> r.result.deliveriesPerSecond.takeIf { it > 0 } }
    private val cpu = Samples.of(records) { it.result.serverCpuPerMillion }
    private val p50 = Samples.of(records) { it.result.p50 }
    private val p99 = Samples.of(records) { it.result.p99 }
    private val frames = Samples.of(records) { it.result.framesPerRead }
    private val generator = Samples.of(records) { r -> r.result.generatorCpu?.let { it * 100 } }
    private val bases = Bases(records)

    override val unit = "deliveries per second, median"

    override fun render(): String =
        markdownTable(
            listOf("server", "deliveries/s", "spread") + bases.headings("× ") +
                "CPU s per million" + bases.headings("CPU × ") +
                listOf("frames per read", "p50 ms", "p99 ms", "generator CPU", "lost / twice / order"),
            inOrder(records).map(::row),
        ) + failures(records) + disturbances(records)

    override fun bars(): List<Bar> =
        inOrder(records)
            .mapNotNull { name -> rate.median(name)?.let { Bar(name, it, number(it, 0), isOurs(name)) } }
            .sortedByDescending { it.value }

    private fun row(server: String): List<String> =
        listOf(
            server,
            number(rate.median(server), 0),
            spread(rate.of(server)),
        ) + bases.ratios(rate, server) +
            number(cpu.median(server), 2) + bases.ratios(cpu, server) +
            listOf(
                number(frames.median(server), 1),
                number(p50.median(server)?.div(1000), 2),
                number(p99.median(server)?.div(1000), 2),
                number(generator.median(server), 0) + " %",
                faults(records, server),
            )
}

internal fun isOurs(server: String): Boolean = server.startsWith("live")

/** The servers of [records], in the order of [Server.ALL]. Variants of one server stay together. */
internal fun inOrder(records: List<Record>): List<String> =
    records.map { it.server }.distinct().sortedBy { name ->
        Server.ALL.indexOfFirst {
            it.name ==
                name.substringBefore('@')
        }
    }

/** One line for each failed result. */
internal fun failures(records: List<Record>): String =
    records.filter { it.result.failure != null }.joinToString("") {
        "\n- ${it.server}, round ${it.round}: failed: ${it.result.failure?.lineSequence()?.first()?.take(200)}\n"
    }

internal fun markdownTable(header: List<String>, rows: List<List<String>>): String =
    buildString {
        appendLine(header.joinToString(" | ", "| ", " |"))
        appendLine(header.indices.joinToString(" | ", "| ", " |") { if (it == 0) "---" else "---:" })
        for (row in rows) appendLine(row.joinToString(" | ", "| ", " |"))
    }

internal fun number(value: Double?, decimals: Int): String =
    if (value == null) "–" else String.format(Locale.ROOT, "%,.${decimals}f", value)

internal fun spread(values: List<Double>, decimals: Int = 0): String =
    if (values.isEmpty()) "–" else "${number(values.min(), decimals)} – ${number(values.max(), decimals)}"

/** One line for each result that other processes or the hypervisor disturbed. */
internal fun disturbances(records: List<Record>): String {
    val disturbed = records.filter { it.result.isDisturbed }
    if (disturbed.isEmpty()) return ""
    return disturbed.joinToString("\n", "\nMeasured while the machine was not quiet:\n\n", "\n") {
        "- ${it.server}, round ${it.round}: other processes used ${number(it.result.otherCpu, 2)} cores, " +
            "the hypervisor took ${number(it.result.steal, 2)}"
    }
}

internal fun faults(records: List<Record>, server: String): String {
    val results = records.filter { it.server == server }.map { it.result }
    return "${results.sumOf { it.lost }} / ${results.sumOf { it.duplicates }} / ${results.sumOf { it.outOfOrder }}"
}
