package dev.live.benchmarks.load.soak

import java.util.concurrent.atomic.LongAdder

/** Counters of the soak test. */
internal class SoakCounters {
    /** Messages delivered to live's own clients. */
    val delivered = LongAdder()

    /** Connects, subscribes and closes of live's own clients. */
    val connected = LongAdder()
    val subscribed = LongAdder()
    val closed = LongAdder()

    /** Raw connections: reset by the client, closed by the server because they did not read, and event streams. */
    val dropped = LongAdder()
    val stalled = LongAdder()
    val eventStreams = LongAdder()

    /** Server restarts with a drain. */
    val drained = LongAdder()

    /** Errors logged by the server. */
    val errors = LongAdder()

    override fun toString(): String =
        "$delivered deliveries, $connected connects, $subscribed subscribes, $closed closed, $dropped reset, " +
            "$stalled slow readers, $eventStreams event streams, $drained drains, $errors errors logged by the server"
}
