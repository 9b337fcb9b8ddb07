package dev.live.benchmarks.load.report

import java.util.Locale

/** A case as a table and as a bar chart. */
internal interface CaseTable {
    /** The unit of the bars. */
    val unit: String

    fun render(): String

    fun bars(): List<Bar>
}

/** The servers in the denominator of the ratios, in column order. */
internal val BASES = listOf("netty-coalesced", "netty-flush", "ktor-trysend", "ktor-cio-trysend", "bun")

/** The columns of [BASES]: the median ratios of [server] to each of them. */
internal fun Samples.ratios(
    server: String,
): List<String> = BASES.map { number(ratio(server, variantOf(it, server)), 2) }

/** Deliveries per second with their CPU cost and latency. */
internal class ThroughputTable(private val records: List<Record>) : CaseTable {
    private val rate = Samples.of(records) { r -> r.result.deliveriesPerSecond.takeIf { it > 0 } }
    private val cpu = Samples.of(records) { it.result.serverCpuPerMillion }
    private val p50 = Samples.of(records) { it.result.p50 }
    private val p99 = Samples.of(records) { it.result.p99 }
    private val generator = Samples.of(records) { r -> r.result.generatorCpu?.let { it * 100 } }

    override val unit = "deliveries per second, median"

    override fun render(): String =
        markdownTable(
            listOf("server", "deliveries/s", "spread") + BASES.map { "× $it" } +
                listOf("CPU s per million", "p50 ms", "p99 ms", "generator CPU", "lost / twice / order"),
            inOrder(records).map(::row),
        ) + failures(records)

    override fun bars(): List<Bar> =
        inOrder(records)
            .mapNotNull { name -> rate.median(name)?.let { Bar(name, it, number(it, 0), isOurs(name)) } }
            .sortedByDescending { it.value }

    private fun row(server: String): List<String> =
        listOf(
            server,
            number(rate.median(server), 0),
            spread(rate.of(server)),
        ) + rate.ratios(server) +
            listOf(
                number(cpu.median(server), 2),
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

/** The name of [base] in the same JVM variant as [server]. */
internal fun variantOf(base: String, server: String): String =
    if ('@' in server) "$base@${server.substringAfter('@')}" else base

internal fun faults(records: List<Record>, server: String): String {
    val results = records.filter { it.server == server }.map { it.result }
    return "${results.sumOf { it.lost }} / ${results.sumOf { it.duplicates }} / ${results.sumOf { it.outOfOrder }}"
}
