package dev.live.benchmarks.report

import java.util.Locale

/** A case as a table and as bars. */
internal interface CaseTable {
    /** What the bars show. */
    val unit: String

    fun render(): String

    fun bars(): List<Bar>
}

/** What every ratio is taken to, in the order of the columns. */
internal val BASES = listOf("netty-coalesced", "netty-flush", "ktor-trysend")

/** Deliveries per second, beside what they cost and how long they took. */
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
        ) + BASES.map { number(rate.ratio(server, variantOf(it, server)), 2) } +
            listOf(
                number(cpu.median(server), 2),
                number(p50.median(server)?.div(1000), 2),
                number(p99.median(server)?.div(1000), 2),
                number(generator.median(server), 0) + " %",
                faults(server),
            )

    /** A server in some JVM is compared with the base in the same one, if that was measured. */
    private fun variantOf(base: String, server: String): String =
        if ('@' in server) "$base@${server.substringAfter('@')}" else base

    private fun faults(server: String): String {
        val results = records.filter { it.server == server }.map { it.result }
        return "${results.sumOf { it.lost }} / ${results.sumOf { it.duplicates }} / ${results.sumOf { it.outOfOrder }}"
    }
}

/** Memory per idle session, and what it consists of. */
internal class MemoryTable(private val records: List<Record>) : CaseTable {
    private val heap = Samples.of(records) { r -> r.result.memory?.run { heapBytes?.toDouble()?.div(count) } }
    private val resident = Samples.of(records) { r -> r.result.memory?.run { residentBytes?.toDouble()?.div(count) } }

    override val unit = "bytes per session (live heap; resident memory where there is no JVM)"

    override fun render(): String =
        markdownTable(
            listOf("server", "live heap per session, bytes", "spread", "resident per session, bytes"),
            inOrder(records).map {
                listOf(it, number(heap.median(it), 0), spread(heap.of(it)), number(resident.median(it), 0))
            },
        ) + failures(records) + classes()

    override fun bars(): List<Bar> =
        inOrder(records)
            .mapNotNull { name ->
                val bytes = heap.median(name) ?: resident.median(name)
                bytes?.let { Bar(name, it, number(it, 0), isOurs(name)) }
            }
            .sortedBy { it.value }

    private fun classes(): String =
        inOrder(records).filter(::isOurs).joinToString("") { server ->
            val memory = records.last { it.server == server }.result.memory ?: return@joinToString ""
            val rows =
                memory.classes.map {
                    val instances = number(it.instances.toDouble() / memory.count, 2)
                    listOf("`${it.name}`", instances, number(it.bytes.toDouble() / memory.count, 0))
                }
            "\nThe classes that grew most, $server:\n\n" +
                markdownTable(listOf("class", "instances per session", "bytes per session"), rows)
        }
}

internal fun isOurs(server: String): Boolean = server.startsWith("live")

/** The servers of [records], in the order of the catalogue; variants of one stay together. */
internal fun inOrder(records: List<Record>): List<String> =
    records.map { it.server }.distinct().sortedBy { name ->
        Server.ALL.indexOfFirst {
            it.name ==
                name.substringBefore('@')
        }
    }

/** A line for each run that counts for nothing. */
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

internal fun spread(values: List<Double>): String =
    if (values.isEmpty()) "–" else "${number(values.min(), 0)} – ${number(values.max(), 0)}"
