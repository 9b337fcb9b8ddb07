package dev.live.benchmarks.load.generator

import java.net.InetSocketAddress
import kotlin.concurrent.thread
import kotlin.random.Random

/** Executes a [LoadPlan]: opens the clients, runs the scenario and returns the results. */
internal class Scenarios(private val plan: LoadPlan) {
    private val wire = plan.wire
    private val server = plan.serverPid?.let(::ProcessStats)
    private val loop = ClientLoop(wire, InetSocketAddress(plan.host, plan.port))
    private val payload =
        if (plan.isJson) {
            JsonContent.of(
                plan.payload,
                Random(0),
                Marker.payload(Marker.SIZE),
            )
        } else {
            Marker.payload(plan.payload)
        }

    fun run(): List<LoadResult> =
        when (plan.scenario) {
            "fanout" -> listOf(fanout(plan.subscribers ?: 1_000))
            "topics" -> listOf(topics(plan.topics ?: 1_000))
            "echo" -> listOf(echo(plan.subscribers ?: 100, wire.echo(payload)))
            "request" -> listOf(echo(plan.subscribers ?: 100, wire.request(payload)))
            "blocking" -> listOf(blocking(plan.subscribers ?: 100))
            "rate" -> listOf(rate(plan.subscribers ?: 1_000))
            "idle" -> listOf(idle(plan.subscribers ?: 10_000))
            "flat" -> flat()
            "many" -> listOf(many(plan.topics ?: 100_000, plan.subscribers ?: 200))
            else -> error("unreachable: scenario ${plan.scenario}")
        }

    /**
     * One topic. A publish is complete when all its subscribers have received it.
     *
     * With one publisher, the publishes that replace completed ones go out in one segment. With several, each has its
     * own socket and therefore its own segment.
     */
    private fun fanout(subscribers: Int): LoadResult {
        val layout = Layout(1, subscribers, subscribers)
        val inflight = plan.inflight ?: 8
        val publishers = minOf(plan.publishers, inflight)
        openPublishers(publishers)
        open(layout)
        val measurement = Measurement(server, loop)
        val template = FrameTemplate(wire.publish(Layout.nameOf(0), payload))
        val traffic =
            Traffic(loop, layout, publishers, measurement, { _, _ -> template }, publishers) { _, publisher ->
                loop.connections[publisher]
            }
        val window = closedLoop(loop, traffic, measurement, plan, List(inflight) { 0 }) { 0 }
        return result(layout, window, traffic, inflight).copy(publishers = publishers)
    }

    /** Many topics with five subscribers each, published to in turn. */
    private fun topics(topics: Int): LoadResult {
        val layout = Layout(topics, PER_TOPIC, topics * PER_TOPIC)
        openPublishers(PUBLISHERS)
        open(layout)
        return publishAround(layout, PUBLISHERS, plan.inflight ?: 8)
    }

    /** Every client has one [message] in flight, which the server sends back. */
    private fun echo(clients: Int, message: ByteArray): LoadResult {
        val template = FrameTemplate(message)
        return echo(clients, Measurement(server, loop)) { template }
    }

    /** As [echo], but the handler of every N-th message blocks. Measures the latency of the others. */
    private fun blocking(clients: Int): LoadResult {
        val fast = FrameTemplate(wire.echo(payload))
        val slow = FrameTemplate(wire.block(payload))
        val isSlow = { sequence: Int -> sequence % plan.blockEvery == 0 }
        return echo(clients, Measurement(server, loop, isSlow)) { sequence -> if (isSlow(sequence)) slow else fast }
    }

    private fun echo(
        clients: Int,
        measurement: Measurement,
        templates: (sequence: Int) -> FrameTemplate,
    ): LoadResult {
        val layout = Layout(clients, 1, clients)
        loop.open(clients) { listOfNotNull(wire.prepareEcho()).iterator() }
        val traffic =
            Traffic(loop, layout, 0, measurement, { _, sequence -> templates(sequence) }) { client, _ ->
                loop.connections[client]
            }
        val window = closedLoop(loop, traffic, measurement, plan, 0 until clients) { it }
        return result(layout, window, traffic, inflight = 1)
    }

    /** One topic with publishes at a fixed rate. Measures the latency of a server that is not saturated. */
    private fun rate(subscribers: Int): LoadResult {
        val layout = Layout(1, subscribers, subscribers)
        openPublishers(1)
        open(layout)
        val measurement = Measurement(server, loop)
        val traffic = traffic(layout, 1, measurement)
        // otherwise a cold JVM would start with a backlog that the rate does not cause
        closedLoop(loop, traffic, measurement, plan.warmUpOnly(), List(WARM_UP_INFLIGHT) { 0 }) { 0 }
        val window = openLoop(loop, traffic, measurement, plan, plan.rate.toDouble() / subscribers)
        return result(layout, window, traffic).copy(rate = plan.rate)
    }

    /** Clients that subscribe and then stay idle. Measures the server's memory per client. */
    private fun idle(subscribers: Int): LoadResult {
        val layout = Layout(1, subscribers, subscribers)
        val growth = MemoryProbe(server).measure(subscribers) { open(layout) }
        println("idle")
        hold()
        return emptyResult(layout).copy(memory = growth, serverResidentBytes = server?.residentBytes())
    }

    /** The same test with a thousand and with ten thousand subscribers. The cost per delivery should be the same. */
    private fun flat(): List<LoadResult> {
        openPublishers(1)
        val few = Layout(1, FEW, FEW)
        val many = Layout(1, MANY, MANY)
        loop.open(FEW) { subscriptions(few, it) }
        val first = publishAround(few, publishers = 1, plan.inflight ?: 8)
        loop.open(MANY - FEW) { subscriptions(many, it + FEW) }
        return listOf(first, publishAround(many, publishers = 1, plan.inflight ?: 8))
    }

    /**
     * Many topics with one subscriber each, on few clients. Measures the cost of a topic, and whether it depends on
     * their number.
     */
    private fun many(topics: Int, clients: Int): LoadResult {
        val layout = Layout(topics, 1, minOf(clients, topics))
        openPublishers(PUBLISHERS)
        loop.open(layout.clients) { emptyList<ByteArray>().iterator() }
        val growth =
            MemoryProbe(server).measure(topics) {
                loop.subscribe(PUBLISHERS, layout.clients) { subscriptions(layout, it) }
            }
        return publishAround(layout, PUBLISHERS, plan.inflight ?: 8).copy(memory = growth)
    }

    private fun openPublishers(count: Int) = loop.open(count) { emptyList<ByteArray>().iterator() }

    private fun open(layout: Layout) = loop.open(layout.clients) { subscriptions(layout, it) }

    private fun subscriptions(layout: Layout, client: Int): Iterator<ByteArray> =
        layout.topicsOf(client).map { wire.subscribe(Layout.nameOf(it), it) }.iterator()

    private fun traffic(layout: Layout, publishers: Int, measurement: Measurement): Traffic {
        val templates = Array(layout.topics) { FrameTemplate(wire.publish(Layout.nameOf(it), payload)) }
        return Traffic(loop, layout, publishers, measurement, { topic, _ -> templates[topic] }) { topic, _ ->
            loop.connections[topic % publishers]
        }
    }

    private fun publishAround(layout: Layout, publishers: Int, inflight: Int): LoadResult {
        val measurement = Measurement(server, loop)
        val traffic = traffic(layout, publishers, measurement)
        var publishes = 0
        val hot = minOf(plan.hot ?: layout.topics, layout.topics)
        val next = { publishes++ % hot }
        val window = closedLoop(loop, traffic, measurement, plan, List(inflight) { next() }) { next() }
        return result(layout, window, traffic, inflight)
    }

    private fun result(layout: Layout, window: Window, traffic: Traffic, inflight: Int? = null): LoadResult =
        emptyResult(layout).copy(
            inflight = inflight,
            seconds = window.seconds,
            deliveries = window.deliveries,
            deliveriesPerSecond = window.deliveries / window.seconds,
            framesPerRead = window.framesPerRead,
            lost = traffic.checker.lost(),
            duplicates = traffic.checker.duplicates + traffic.checker.strays,
            outOfOrder = traffic.checker.outOfOrder,
            p50 = window.p50,
            p99 = window.p99,
            p999 = window.p999,
            slow = window.slow,
            serverCpuSeconds = window.serverCpu,
            serverCpuPerMillion = window.serverCpu?.let { it * 1e6 / window.deliveries },
            serverResidentBytes = server?.residentBytes(),
            generatorCpu = window.generatorCpu,
            otherCpu = window.otherCpu,
            steal = window.steal,
        )

    private fun emptyResult(layout: Layout): LoadResult =
        LoadResult(
            scenario = plan.scenario,
            protocol = plan.protocol,
            codec = plan.codec.takeIf { plan.protocol == "live" },
            subscribers = layout.clients,
            topics = layout.topics,
            payload = plan.payload,
        )

    /** Replies to pings for `--seconds`, or until standard input ends. */
    private fun hold() {
        val input =
            thread(isDaemon = true) {
                while (System.`in`.read() >= 0) continue
            }
        val end = plan.hold?.let { System.nanoTime() + (it * 1e9).toLong() } ?: Long.MAX_VALUE
        while (System.nanoTime() < end && (plan.hold != null || input.isAlive)) {
            loop.poll(IDLE_POLL_MILLIS)
            check(loop.closed == 0) { "the server closed ${loop.closed} connections, ${loop.describeClosed()}" }
        }
    }

    private companion object {
        const val PER_TOPIC = 5
        const val PUBLISHERS = 8
        const val WARM_UP_INFLIGHT = 8
        const val FEW = 1_000
        const val MANY = 10_000
        const val IDLE_POLL_MILLIS = 100L
    }
}
