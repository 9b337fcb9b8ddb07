package dev.live.benchmarks.load.report

/**
 * The goals of the project with the measured values. A goal without results is left out.
 *
 * Each value is the median over the rounds; a ratio is computed within each round first.
 */
internal class GoalTable(private val records: List<Record>) {
    private class Row(val goal: String, val server: String, val value: String, val isMet: Boolean)

    private val cpu = { record: Record -> record.result.serverCpuPerMillion }
    private val rate = { record: Record -> record.result.deliveriesPerSecond.takeIf { it > 0 } }
    private val p99 = { record: Record -> record.result.p99.takeIf { it > 0 } }

    fun render(): String {
        val rows = records.map { it.server }.distinct().let(::inOrderOfNames).flatMap(::rows)
        if (rows.isEmpty()) return ""
        return "\n## Goals\n\n" +
            markdownTable(
                listOf("goal", "server", "measured", "met"),
                rows.sortedBy { it.goal }.map { listOf(it.goal, it.server, it.value, if (it.isMet) "yes" else "no") },
            )
    }

    private fun inOrderOfNames(servers: List<String>): List<String> =
        inOrder(records.filter { it.server in servers }).filter(::isOurs)

    private fun rows(server: String): List<Row> {
        val isInPlace = server.substringBefore('@') in Server.IN_PLACE
        val isDefault = server.substringBefore('@') in Server.DEFAULT_HANDLERS
        return if (!isInPlace && !isDefault) {
            emptyList()
        } else {
            listOfNotNull(
                fanOut("Fan-out to 1,000, singly", Case.FANOUT_SINGLY, server, SINGLY),
                fanOut("Fan-out to 5,000, singly", Case.FANOUT_5000_SINGLY, server, SINGLY),
                fanOut("Fan-out to 1,000, in one segment", Case.FANOUT, server, ONE_SEGMENT),
                fanOut("Fan-out to 5,000, in one segment", Case.FANOUT_5000, server, ONE_SEGMENT),
                growth("in one segment", Case.FANOUT, Case.FANOUT_MANY, server),
                growth("singly", Case.FANOUT_SINGLY, Case.FANOUT_MANY_SINGLY, server),
                ratio("1 in flight: CPU × bun", Case.ONE_IN_FLIGHT, server, "bun", cpu, atMost = 0.95),
                ratio("Topics of 5: CPU × bun", Case.TOPICS, server, "bun", cpu, atMost = 1.1),
                ratio("50,000 a second: p99 × bun", Case.RATE, server, "bun", p99, atMost = 1.0),
                echo("Echo", Case.ECHO, server, isInPlace),
                echo("Requests", Case.REQUEST, server, isInPlace).takeIf { isDefault },
                blocking(server),
                memory("Idle session: bytes of heap", Case.IDLE, server, atMost = 3_600.0),
                memory("Topic: bytes of heap", Case.MANY_TOPICS, server, atMost = 600.0),
            )
        }
    }

    /** Either the throughput or the CPU time has to reach its bound. */
    private fun fanOut(name: String, case: String, server: String, bounds: Pair<Double, Double>): Row? {
        val base = Bases.baseOf("bun", server)
        val faster = samples(case, rate).ratio(server, base) ?: return null
        val cheaper = samples(case, cpu).ratio(server, base)
        return Row(
            "$name: × bun at least ${bounds.first}, or CPU × bun at most ${bounds.second}",
            server,
            "${number(faster, 2)}, CPU ${number(cheaper, 2)}",
            faster >= bounds.first || (cheaper != null && cheaper <= bounds.second),
        )
    }

    /** The cost of a delivery to many subscribers, relative to few in the same round. */
    private fun growth(arrival: String, few: String, many: String, server: String): Row? {
        val ratios =
            records
                .filter { it.server == server && it.case == many && it.result.failure == null }
                .mapNotNull { record ->
                    val base = records.find { it.server == server && it.case == few && it.round == record.round }
                    base?.let(cpu)?.takeIf { it > 0 }?.let { cost -> cpu(record)?.div(cost) }
                }
        val value = ratios.median() ?: return null
        val goal = "CPU per delivery to 10,000, × to 1,000, $arrival: at most $MAX_GROWTH"
        return Row(goal, server, number(value, 2), value <= MAX_GROWTH)
    }

    private fun echo(name: String, case: String, server: String, isInPlace: Boolean): Row? =
        ratio(
            "$name, ${if (isInPlace) "in place" else "default handlers"}: CPU × netty-flush on the same loop",
            case,
            server,
            "netty-flush",
            cpu,
            atMost = if (isInPlace) 1.15 else 1.5,
        )

    private fun ratio(
        name: String,
        case: String,
        server: String,
        base: String,
        value: (Record) -> Double?,
        atMost: Double,
    ): Row? {
        val ratio = samples(case, value).ratio(server, Bases.baseOf(base, server)) ?: return null
        return Row("$name: at most $atMost", server, number(ratio, 2), ratio <= atMost)
    }

    private fun blocking(server: String): Row? {
        val millis = samples(Case.BLOCKING, p99).median(server)?.div(MICROS_PER_MILLI) ?: return null
        val goal = "Every 100th handler blocks for 50 ms: p99 of the others below $MAX_MILLIS ms"
        return Row(goal, server, number(millis, 2), millis < MAX_MILLIS)
    }

    private fun memory(name: String, case: String, server: String, atMost: Double): Row? {
        val bytes =
            samples(case) { r -> r.result.memory?.run { heapBytes?.toDouble()?.div(count) } }.median(server)
                ?: return null
        return Row("$name: at most ${number(atMost, 0)}", server, number(bytes, 0), bytes <= atMost)
    }

    private fun samples(case: String, value: (Record) -> Double?): Samples =
        Samples.of(records.filter { it.case == case }, value)

    private companion object {
        val SINGLY = 1.5 to 0.65
        val ONE_SEGMENT = 1.15 to 0.85
        const val MAX_GROWTH = 1.25
        const val MAX_MILLIS = 5
        const val MICROS_PER_MILLI = 1e3
    }
}
