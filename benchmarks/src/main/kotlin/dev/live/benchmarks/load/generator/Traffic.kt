package dev.live.benchmarks.load.generator

/**
 * Publishes over [loop] and checks the deliveries.
 *
 * @property firstClient index of the connection that is client 0 of [layout]
 * @property templates the publish frame of each topic
 * @property publisherOf the connection that publishes to a topic; always the same one, because order is only defined
 *   per publisher
 */
internal class Traffic(
    private val loop: ClientLoop,
    layout: Layout,
    private val firstClient: Int,
    private val measurement: Measurement,
    private val templates: (topic: Int) -> FrameTemplate,
    private val publisherOf: (topic: Int) -> Connection,
) {
    val checker = DeliveryChecker(layout)

    fun publish(topic: Int, time: Long = System.nanoTime()) {
        loop.send(publisherOf(topic), templates(topic), checker.publish(topic), time)
    }

    /** Records deliveries. Calls [onComplete] for every publish that has reached all its subscribers. */
    fun listen(onComplete: (topic: Int) -> Unit) {
        loop.sink = DeliverySink { connection, bytes, markerAt, now ->
            measurement.record(now - Marker.time(bytes, markerAt))
            val isComplete = checker.deliver(connection.index - firstClient, Marker.sequence(bytes, markerAt))
            if (isComplete) onComplete(checker.lastTopic)
        }
    }
}

/**
 * Keeps a constant number of publishes in flight: [starts] first. When one has reached all subscribers, [next] of its
 * topic is published.
 */
internal fun closedLoop(
    loop: ClientLoop,
    traffic: Traffic,
    measurement: Measurement,
    plan: LoadPlan,
    starts: Iterable<Int>,
    next: (topic: Int) -> Int,
): Window {
    var isRunning = true
    traffic.listen { topic -> if (isRunning) traffic.publish(next(topic)) }
    for (topic in starts) traffic.publish(topic)
    val iteration = { loop.poll(POLL_MILLIS) }
    loop.flushDirty()
    val window = measurement.run(plan.warmup, plan.seconds, iteration)
    isRunning = false
    measurement.drain({ traffic.checker.open == 0 }, iteration)
    return window
}

/**
 * Publishes [perSecond] times a second, independently of the server's speed. Latency counts from the scheduled time of
 * a message, so a stalled server is charged for all delayed messages. The caller does the warm-up.
 */
internal fun openLoop(
    loop: ClientLoop,
    traffic: Traffic,
    measurement: Measurement,
    plan: LoadPlan,
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
        // a selector can wake a millisecond late, which would count against the server
        loop.poll(if (wait > SPIN_NANOS) wait / 1_000_000 - 1 else 0)
    }
    measurement.drain({ traffic.checker.open == 0 }) { loop.poll(POLL_MILLIS) }
    return window
}

private const val SETTLE_SECONDS = 1.0
private const val POLL_MILLIS = 50L
private const val SPIN_NANOS = 2_500_000L
