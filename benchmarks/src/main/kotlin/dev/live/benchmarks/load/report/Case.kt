package dev.live.benchmarks.load.report

import java.util.Locale

/** How the results of a case are shown. */
internal enum class CaseKind { THROUGHPUT, LATENCY, BLOCKING, MEMORY }

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
    val kind: CaseKind = CaseKind.THROUGHPUT,
) {
    companion object {
        const val FANOUT = "fanout-1000-8"
        const val FANOUT_SINGLY = "fanout-1000-8-single"
        const val FANOUT_5000 = "fanout-5000-8"
        const val FANOUT_5000_SINGLY = "fanout-5000-8-single"
        const val FANOUT_MANY = "fanout-10000-8"
        const val FANOUT_MANY_SINGLY = "fanout-10000-8-single"
        const val ONE_IN_FLIGHT = "fanout-1000-1"
        const val TOPICS = "topics"
        const val ECHO = "echo"
        const val REQUEST = "request"
        const val BLOCKING = "blocking"
        const val RATE = "rate"
        const val IDLE = "idle"
        const val FEW_TOPICS = "many-10"
        const val MANY_TOPICS = "many-100000"
        const val ALL_TOPICS = "many-100000-all"

        /** Servers of a large fan-out: live in its variants, the fastest peers, and raw Netty on every loop. */
        private val FANOUT_PEERS = Server.IN_PLACE + "live-default" + Server.netty("netty-coalesced") + "bun"
        private val LATENCY_PEERS = Server.IN_PLACE + "live-default" + Server.netty("netty-flush") + "bun"
        private val ECHO_PEERS =
            Server.IN_PLACE + Server.DEFAULT_HANDLERS + Server.netty("netty-flush") + "netty-threads" + "bun"

        private val OTHER_FANOUT_PEERS =
            listOf("live-history", "live-portable", "live-cio", "ktor-trysend", "ktor-flow", "ktor-cio-trysend") +
                listOf("vertx", "spring-stomp", "ws", "socketio")

        /** Every case, in the order of the report. */
        val ALL =
            listOf(fanout(ONE_IN_FLIGHT, 1_000, LATENCY_PEERS, inflight = 1)) +
                fanouts(FANOUT, FANOUT_SINGLY, 1_000, OTHER_FANOUT_PEERS) +
                fanouts(FANOUT_5000, FANOUT_5000_SINGLY, 5_000, listOf("live-portable", "ktor-trysend")) +
                fanouts(FANOUT_MANY, FANOUT_MANY_SINGLY, 10_000) +
                listOf(
                    Case(
                        TOPICS,
                        "1,000 topics of 5 subscribers, 8 publishes in flight",
                        LATENCY_PEERS,
                        listOf("--scenario", "topics"),
                    ),
                    Case(
                        ECHO,
                        "Echo, 100 connections with one message in flight each",
                        ECHO_PEERS,
                        listOf("--scenario", "echo"),
                    ),
                    Case(
                        REQUEST,
                        "Requests with a reply, 100 connections with one in flight each",
                        ECHO_PEERS,
                        listOf("--scenario", "request"),
                    ),
                    Case(
                        BLOCKING,
                        "Echo, 100 connections, every 100th handler blocks for 50 ms",
                        Server.DEFAULT_HANDLERS + Server.netty("netty-threads") + "ktor-trysend",
                        listOf("--scenario", "blocking"),
                        CaseKind.BLOCKING,
                    ),
                    Case(
                        RATE,
                        "50,000 deliveries per second to 1,000 subscribers, open loop",
                        LATENCY_PEERS,
                        listOf("--scenario", "rate"),
                        CaseKind.LATENCY,
                    ),
                    Case(
                        IDLE,
                        "10,000 idle subscribed connections",
                        Server.IN_PLACE + listOf("live-portable", "netty-flush", "ktor-trysend"),
                        listOf("--scenario", "idle"),
                        CaseKind.MEMORY,
                    ),
                    many(FEW_TOPICS, "10 topics", "--topics", "10"),
                    many(MANY_TOPICS, "100,000 topics, 10 with publishes,", "--topics", "100000", "--hot", "10"),
                    many(ALL_TOPICS, "100,000 topics with publishes in turn,", "--topics", "100000"),
                )

        /** A fan-out with 8 publishes in flight, which arrive in one segment ([name]) or singly ([singly]). */
        private fun fanouts(name: String, singly: String, subscribers: Int, others: List<String> = emptyList()) =
            listOf(
                fanout(name, subscribers, FANOUT_PEERS + others, inflight = 8, arrival = ", in one segment"),
                fanout(singly, subscribers, FANOUT_PEERS, inflight = 8, arrival = ", singly", publishers = 8),
            )

        private fun fanout(
            name: String,
            subscribers: Int,
            servers: List<String>,
            inflight: Int,
            arrival: String = "",
            publishers: Int = 1,
        ) =
            Case(
                name,
                String.format(
                    Locale.ROOT,
                    "Fan-out to %,d subscribers, %d in flight%s",
                    subscribers,
                    inflight,
                    arrival,
                ),
                servers,
                listOf("--scenario", "fanout", "--subscribers", "$subscribers", "--inflight", "$inflight") +
                    if (publishers > 1) listOf("--publishers", "$publishers") else emptyList(),
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

/**
 * Cases that answer one question together, measured by one command.
 *
 * @property isSelective true to leave out the slower peers, which only the full report measures
 */
internal enum class Suite(val cases: List<String>, private val isSelective: Boolean = true) {
    FANOUT(
        listOf(Case.ONE_IN_FLIGHT, Case.FANOUT, Case.FANOUT_SINGLY, Case.FANOUT_5000, Case.FANOUT_5000_SINGLY) +
            listOf(Case.FANOUT_MANY, Case.FANOUT_MANY_SINGLY),
    ),
    TOPICS(listOf(Case.TOPICS)),
    ECHO(listOf(Case.ECHO, Case.REQUEST)),
    BLOCKING(listOf(Case.BLOCKING), isSelective = false),
    RATE(listOf(Case.RATE)),
    MEMORY(listOf(Case.IDLE, Case.MANY_TOPICS)),
    ;

    /** The servers of [case] in this suite. */
    fun servers(case: Case): List<String> = if (isSelective) case.servers - SLOWER else case.servers

    private companion object {
        val SLOWER =
            setOf("live-history", "live-portable", "live-cio", "ktor-trysend", "ktor-flow", "ktor-cio-trysend") +
                setOf("vertx", "spring-stomp", "ws", "socketio")
    }
}
