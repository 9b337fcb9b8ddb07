package dev.live.benchmarks.load.report

/** Latencies of the messages whose handlers do not block, while others do. Lower is better. */
internal class BlockingTable(private val records: List<Record>) : CaseTable {
    private val p50 = Samples.of(records) { it.result.p50 / MICROS_PER_MILLI }
    private val p99 = Samples.of(records) { it.result.p99 / MICROS_PER_MILLI }
    private val p999 = Samples.of(records) { it.result.p999 / MICROS_PER_MILLI }
    private val blocked = Samples.of(records) { r -> r.result.slow?.let { it.p50 / MICROS_PER_MILLI } }
    private val rate = Samples.of(records) { it.result.deliveriesPerSecond }
    private val cpu = Samples.of(records) { it.result.serverCpuPerMillion }

    override val unit = "p99 of the others in ms"

    override fun render(): String =
        markdownTable(
            listOf("server", "p50 ms", "p99 ms", "spread of p99", "p99.9 ms", "p50 of the blocking ones, ms") +
                listOf("messages/s", "CPU s per million", "lost / twice / order"),
            inOrder(records).map(::row),
        ) + failures(records) + disturbances(records)

    override fun bars(): List<Bar> =
        inOrder(records)
            .mapNotNull { name -> p99.median(name)?.let { Bar(name, it, number(it, 2), isOurs(name)) } }
            .sortedBy { it.value }

    private fun row(server: String): List<String> =
        listOf(
            server,
            number(p50.median(server), 2),
            number(p99.median(server), 2),
            spread(p99.of(server), 2),
            number(p999.median(server), 2),
            number(blocked.median(server), 2),
            number(rate.median(server), 0),
            number(cpu.median(server), 2),
            faults(records, server),
        )

    private companion object {
        const val MICROS_PER_MILLI = 1e3
    }
}
