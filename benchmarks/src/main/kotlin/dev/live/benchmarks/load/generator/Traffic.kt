package dev.live.benchmarks.load.generator

/**
 * Publishes over [loop] and checks the deliveries.
 *
 * @property firstClient index of the connection that is client 0 of [layout]
 * @property templates the publish frame of each topic
 * @property publishers publishers of each topic, which publish in turn
 * @property connectionOf the connection of a publisher of a topic; always the same one, because order is only defined
 *   per connection
 */
internal class Traffic(
    private val loop: ClientLoop,
    layout: Layout,
    private val firstClient: Int,
    private val measurement: Measurement,
    private val templates: (topic: Int, sequence: Int) -> FrameTemplate,
    private val publishers: Int = 1,
    private val connectionOf: (topic: Int, publisher: Int) -> Connection,
) {
    val checker = DeliveryChecker(layout, publishers)

    fun publish(topic: Int, publisher: Int = 0, time: Long = System.nanoTime()) {
        val sequence = checker.publish(topic, publisher)
        loop.send(connectionOf(topic, publisher), templates(topic, sequence), sequence, time)
    }

    /** Publishes to [topics], with the publishers in turn. */
    fun publishAll(topics: Iterable<Int>) {
        for ((i, topic) in topics.withIndex()) publish(topic, i % publishers)
    }

    /** Records deliveries. Calls [onComplete] for every publish that has reached all its subscribers. */
    fun listen(onComplete: (topic: Int, publisher: Int) -> Unit) {
        loop.sink = DeliverySink { connection, bytes, markerAt, now ->
            val sequence = Marker.sequence(bytes, markerAt)
            measurement.record(now - Marker.time(bytes, markerAt), sequence)
            val isComplete = checker.deliver(connection.index - firstClient, sequence)
            if (isComplete) onComplete(checker.lastTopic, checker.lastPublisher)
        }
    }
}

/**
 * Keeps a constant number of publishes in flight: [starts] first. When one has reached all subscribers, its publisher
 * publishes to [next] of its topic.
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
    traffic.listen { topic, publisher -> if (isRunning) traffic.publish(next(topic), publisher) }
    traffic.publishAll(starts)
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
    traffic.listen { _, _ -> }
    val interval = (1e9 / perSecond).toLong()
    var due = System.nanoTime() + interval
    val window = measurement.run(SETTLE_SECONDS, plan.seconds) {
        while (System.nanoTime() >= due) {
            traffic.publish(0, time = due)
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
