package dev.live.benchmarks.soak

import java.util.concurrent.atomic.LongAdder

/** What has happened so far. */
internal class Counts {
    /** Messages that were delivered to clients of live's own. */
    val delivered = LongAdder()

    /** Times that a client of live's own connected, joined a topic, and was closed. */
    val connected = LongAdder()
    val joined = LongAdder()
    val closed = LongAdder()

    /** Raw connections that were reset, that did not read until the server ended them, and that read events. */
    val dropped = LongAdder()
    val stalled = LongAdder()
    val listened = LongAdder()

    /** Times that a server was drained and started again. */
    val drained = LongAdder()

    /** Errors that the server has logged. */
    val errors = LongAdder()

    override fun toString(): String =
        "$delivered deliveries, $connected connects, $joined joins, $closed closed, $dropped reset, " +
            "$stalled slow readers, $listened event streams, $drained drains, $errors errors logged by the server"
}
