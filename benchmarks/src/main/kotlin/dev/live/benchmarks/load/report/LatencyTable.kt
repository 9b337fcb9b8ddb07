package dev.live.benchmarks.load.report

/**
 * Latencies at the same rate for all servers. Lower is better, also for the ratios.
 *
 * @param isBlocking whether some handlers block. The latencies are those of the other messages then, and the blocking
 *   ones have a column in place of the ratios
 */
internal class LatencyTable(private val records: List<Record>, private val isBlocking: Boolean = false) : CaseTable {
    private val p50 = Samples.of(records) { it.result.p50 / MICROS_PER_MILLI }
    private val p99 = Samples.of(records) { it.result.p99 / MICROS_PER_MILLI }
    private val p999 = Samples.of(records) { it.result.p999 / MICROS_PER_MILLI }
    private val blocked = Samples.of(records) { r -> r.result.slow?.let { it.p50 / MICROS_PER_MILLI } }
    private val rate = Samples.of(records) { it.result.deliveriesPerSecond }
    private val cpu = Samples.of(records) { it.result.serverCpuPerMillion }
    private val bases = Bases(records)

    override val unit = if (isBlocking) "p99 of the others in ms" else "p99 in ms"

    override fun render(): String =
        markdownTable(
            listOf("server", "p50 ms", "p99 ms", "spread of p99", "p99.9 ms") + extraHeadings() +
                listOf("CPU s per million", "lost / twice / order"),
            inOrder(records).map(::row),
        ) + failures(records) + disturbances(records)

    override fun bars(): List<Bar> =
        inOrder(records)
            .mapNotNull { name -> p99.median(name)?.let { Bar(name, it, number(it, 2), isOurs(name)) } }
            .sortedBy { it.value }

    private fun extraHeadings(): List<String> =
        if (isBlocking) {
            listOf("p50 of the blocking ones, ms", "messages/s")
        } else {
            bases.headings("p99 × ") + "deliveries/s"
        }

    private fun row(server: String): List<String> =
        listOf(
            server,
            number(p50.median(server), 2),
            number(p99.median(server), 2),
            spread(p99.of(server), 2),
            number(p999.median(server), 2),
        ) + (if (isBlocking) listOf(number(blocked.median(server), 2)) else bases.ratios(p99, server)) +
            listOf(number(rate.median(server), 0), number(cpu.median(server), 2), faults(records, server))

    private companion object {
        const val MICROS_PER_MILLI = 1e3
    }
}
