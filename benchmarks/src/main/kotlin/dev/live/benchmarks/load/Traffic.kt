package dev.live.benchmarks.load

/**
 * Publishes over [loop] and keeps the books of what arrives.
 *
 * @property firstClient index of the connection that is client 0 of [layout]
 * @property templates the frame that publishes to each topic
 * @property publisherOf the connection that publishes to a topic: always the same, or order would mean nothing
 */
internal class Traffic(
    private val loop: ClientLoop,
    layout: Layout,
    private val firstClient: Int,
    private val measurement: Measurement,
    private val templates: (topic: Int) -> FrameTemplate,
    private val publisherOf: (topic: Int) -> Connection,
) {
    val ledger = Ledger(layout)

    fun publish(topic: Int, time: Long = System.nanoTime()) {
        loop.send(publisherOf(topic), templates(topic), ledger.publish(topic), time)
    }

    /** Counts what arrives; [onComplete] hears of every publish that has reached all its subscribers. */
    fun listen(onComplete: (topic: Int) -> Unit) {
        loop.sink = DeliverySink { connection, bytes, markerAt, now ->
            measurement.record(now - Marker.time(bytes, markerAt))
            val isComplete = ledger.deliver(connection.index - firstClient, Marker.sequence(bytes, markerAt))
            if (isComplete) onComplete(ledger.lastTopic)
        }
    }
}

/** Keeps [inflight] publishes under way: as soon as one has reached everybody, [next] of its topic is published. */
internal fun closedLoop(
    loop: ClientLoop,
    traffic: Traffic,
    measurement: Measurement,
    plan: Plan,
    starts: Iterable<Int>,
    next: (topic: Int) -> Int,
): Window {
    var isRunning = true
    traffic.listen { topic -> if (isRunning) traffic.publish(next(topic)) }
    for (topic in starts) traffic.publish(topic)
    val turn = { loop.poll(TURN_MILLIS) }
    loop.flushDirty()
    val window = measurement.run(plan.warmup, plan.seconds, turn)
    isRunning = false
    measurement.drain({ traffic.ledger.open == 0 }, turn)
    return window
}

/**
 * Publishes [perSecond] times a second whatever the server does. Latency counts from when a message was due, so a
 * server that stalls pays for everything that should have been sent meanwhile. The warm-up is the caller's.
 */
internal fun openLoop(
    loop: ClientLoop,
    traffic: Traffic,
    measurement: Measurement,
    plan: Plan,
    perSecond: Double,
): Window {
    traffic.listen { }
    val interval = (1e9 / perSecond).toLong()
    var due = System.nanoTime() + interval
    val window = measurement.run(SETTLE_SECONDS, plan.seconds) {
        while (System.nanoTime() >= due) {
            traffic.publish(0, due)
            due += interval
        }
        loop.flushDirty()
        val wait = due - System.nanoTime()
        // a selector wakes a millisecond late at worst, which would count against the server
        loop.poll(if (wait > SPIN_NANOS) wait / 1_000_000 - 1 else 0)
    }
    measurement.drain({ traffic.ledger.open == 0 }) { loop.poll(TURN_MILLIS) }
    return window
}

private const val SETTLE_SECONDS = 1.0
private const val TURN_MILLIS = 50L
private const val SPIN_NANOS = 2_500_000L
