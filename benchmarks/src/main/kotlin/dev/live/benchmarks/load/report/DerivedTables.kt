package dev.live.benchmarks.load.report

/** Tables that compare two cases: whether the cost per delivery depends on the number of subscribers or topics. */
internal class DerivedTables(private val records: List<Record>) {
    fun render(): String = flat() + topics()

    private fun flat(): String =
        comparison(
            "Cost per delivery by number of subscribers",
            "Deliveries per second of server CPU time.",
            Case.FANOUT to "1,000 subscribers",
            Case.FANOUT_MANY to "10,000 subscribers",
        )

    private fun topics(): String =
        comparison(
            "Cost per delivery by number of topics",
            "Deliveries per second of server CPU time, 8 publishes in flight, one subscriber per topic. The same ten " +
                "topics get all publishes, alone and among 100,000.",
            Case.FEW_TOPICS to "10 topics",
            Case.MANY_TOPICS to "10 of 100,000 topics",
        ) +
            comparison(
                "Cost per delivery with publishes to all topics",
                "As above, with publishes to all 100,000 topics in turn. A topic's data is then never in the CPU " +
                    "caches, for any server.",
                Case.FEW_TOPICS to "10 topics",
                Case.ALL_TOPICS to "100,000 topics in turn",
            ) + heapPerTopic()

    private fun comparison(
        title: String,
        explanation: String,
        few: Pair<String, String>,
        many: Pair<String, String>,
    ): String {
        val first = perCpuSecond(few.first)
        val second = perCpuSecond(many.first)
        val servers = inOrder(records).filter { it in first.servers && it in second.servers }
        if (servers.isEmpty()) return ""
        val rows =
            servers.map { server ->
                val ratio = second.median(server)!! / first.median(server)!!
                listOf(server, number(first.median(server), 0), number(second.median(server), 0), number(ratio, 2))
            }
        return "\n## $title\n\n$explanation\n\n" +
            markdownTable(listOf("server", few.second, many.second, "ratio"), rows)
    }

    private fun heapPerTopic(): String {
        val caseRecords = records.filter { it.case == Case.MANY_TOPICS }
        val heap = Samples.of(caseRecords) { r -> r.result.memory?.run { heapBytes?.toDouble()?.div(count) } }
        if (heap.servers.isEmpty()) return ""
        val rows = inOrder(caseRecords).map { listOf(it, number(heap.median(it), 0), spread(heap.of(it))) }
        return "\nMemory of 100,000 topics with one subscriber each, held by 200 connections:\n\n" +
            markdownTable(listOf("server", "live heap per topic, bytes", "spread"), rows)
    }

    private fun perCpuSecond(case: String): Samples =
        Samples.of(records.filter { it.case == case }) { r ->
            r.result.serverCpuPerMillion?.takeIf { it > 0 }?.let {
                1e6 /
                    it
            }
        }
}
