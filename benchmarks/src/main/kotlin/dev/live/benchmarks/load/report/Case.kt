package dev.live.benchmarks.load.report

/**
 * One table of the report: a scenario of the generator with its parameters.
 *
 * @property name base name of the files
 * @property title heading of the table
 * @property servers names of the servers that this case compares
 */
internal class Case(
    val name: String,
    val title: String,
    val servers: List<String>,
    val loadArguments: List<String>,
) {
    companion object {
        const val FANOUT = "fanout-1000-8"
        const val FANOUT_MANY = "fanout-10000-8"
        const val RATE = "rate"
        const val IDLE = "idle"
        const val FEW_TOPICS = "many-10"
        const val MANY_TOPICS = "many-100000"
        const val ALL_TOPICS = "many-100000-all"

        private val LATENCY_PEERS = listOf("live", "live-io", "netty-flush", "bun")

        /** Every case, in the order of the report. */
        val ALL =
            listOf(
                fanout("fanout-1000-1", 1_000, 1, LATENCY_PEERS),
                fanout(FANOUT, 1_000, 8, Server.ALL.map { it.name } - "netty-flush"),
                fanout(
                    "fanout-5000-8",
                    5_000,
                    8,
                    listOf("live", "live-portable", "netty-coalesced", "ktor-trysend", "bun"),
                ),
                fanout(FANOUT_MANY, 10_000, 8, listOf("live", "netty-coalesced", "bun")),
                Case(
                    "topics",
                    "1,000 topics of 5 subscribers, 8 publishes in flight",
                    LATENCY_PEERS,
                    listOf("--scenario", "topics"),
                ),
                Case(
                    "echo",
                    "Echo, 100 connections with one message in flight each",
                    LATENCY_PEERS,
                    listOf("--scenario", "echo"),
                ),
                Case(
                    RATE,
                    "50,000 deliveries per second to 1,000 subscribers, open loop",
                    LATENCY_PEERS,
                    listOf("--scenario", "rate"),
                ),
                Case(
                    IDLE,
                    "10,000 idle subscribed connections",
                    listOf("live", "live-portable", "netty-flush", "ktor-trysend"),
                    listOf("--scenario", "idle"),
                ),
                many(FEW_TOPICS, "10 topics", "--topics", "10"),
                many(MANY_TOPICS, "100,000 topics, 10 with publishes,", "--topics", "100000", "--hot", "10"),
                many(ALL_TOPICS, "100,000 topics with publishes in turn,", "--topics", "100000"),
            )

        private fun fanout(name: String, subscribers: Int, inflight: Int, servers: List<String>) =
            Case(
                name,
                "Fan-out to %,d subscribers, $inflight in flight".format(java.util.Locale.ROOT, subscribers),
                servers,
                listOf("--scenario", "fanout", "--subscribers", "$subscribers", "--inflight", "$inflight"),
            )

        private fun many(name: String, topics: String, vararg options: String) =
            Case(
                name,
                "$topics of one subscriber, 8 publishes in flight",
                listOf("live", "netty-flush"),
                listOf("--scenario", "many") + options,
            )
    }
}
