package dev.live.benchmarks.micro

import dev.live.server.dialect.DialectTable
import dev.live.server.frame.OutboundFrame
import dev.live.server.session.OfferResult
import dev.live.server.session.QueueBound
import dev.live.server.session.SessionQueue
import dev.live.server.topic.MessageBatch
import dev.live.server.topic.PreparedMessage
import dev.live.server.topic.Subscriber
import dev.live.server.topic.SubscriberSet
import org.openjdk.jmh.annotations.Benchmark
import org.openjdk.jmh.annotations.Param
import org.openjdk.jmh.annotations.Scope
import org.openjdk.jmh.annotations.Setup
import org.openjdk.jmh.annotations.State

/** Offers a message to every queue of a topic and takes it again. The unit is a message or a batch, not a delivery. */
@State(Scope.Benchmark)
open class FanOutBenchmark {
    @Param("10", "1000")
    var subscribers: Int = 0

    private val set = SubscriberSet()
    private lateinit var queues: List<SessionQueue>
    private val codecs = DialectTable(BenchmarkMessages.codecs())
    private val message: PreparedMessage = BenchmarkMessages.prepared()
    private val batch = arrayOfNulls<OutboundFrame>(64)

    @Setup
    fun setUp() {
        val bound = QueueBound(256, bytes = 1024 * 1024)
        queues = List(subscribers) { SessionQueue(bound).apply { waker = Runnable {} } }
        for (queue in queues) set.add(QueueSubscriber(queue))
    }

    @Benchmark
    fun deliverMessage(): Int {
        set.deliver(message)
        return drain()
    }

    /** Eight messages as one batch, as if they had been read together. */
    @Benchmark
    fun deliverRun(): Int {
        set.deliver(MessageBatch(List(8) { message }, codecs))
        return drain()
    }

    private fun drain(): Int {
        var taken = 0
        for (i in queues.indices) taken += queues[i].poll(batch)
        return taken
    }
}

private class QueueSubscriber(private val queue: SessionQueue) : Subscriber("a session") {
    override fun offer(message: PreparedMessage): Boolean =
        queue.offer(message.frameFor(slot = 0)) == OfferResult.Accepted

    override fun offer(batch: MessageBatch): Boolean = queue.offer(batch.frameFor(slot = 0)) == OfferResult.Accepted
}
