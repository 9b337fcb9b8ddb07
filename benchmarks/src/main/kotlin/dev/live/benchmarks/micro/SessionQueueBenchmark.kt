package dev.live.benchmarks.micro

import dev.live.server.frame.OutboundFrame
import dev.live.server.session.QueueBound
import dev.live.server.session.SessionQueue
import dev.live.server.topic.PreparedMessage
import org.openjdk.jmh.annotations.Benchmark
import org.openjdk.jmh.annotations.OperationsPerInvocation
import org.openjdk.jmh.annotations.Param
import org.openjdk.jmh.annotations.Scope
import org.openjdk.jmh.annotations.Setup
import org.openjdk.jmh.annotations.State

/** The queue of one session, per message. */
@State(Scope.Thread)
open class SessionQueueBenchmark {
    /** Without a waker every message passes through the channel, as on the portable transport. */
    @Param("true", "false")
    var isWoken: Boolean = true

    private val queue = SessionQueue(QueueBound(256, bytes = 1024 * 1024))
    private val message: PreparedMessage = BenchmarkMessages.prepared()
    private val batch = arrayOfNulls<OutboundFrame>(64)

    @Setup
    fun setUp() {
        if (isWoken) queue.waker = Runnable {}
    }

    @Benchmark
    fun oneByOne(): Int {
        queue.offer(message.frameFor(slot = 0))
        return queue.poll(batch)
    }

    @Benchmark
    @OperationsPerInvocation(BATCH)
    fun inBatches(): Int {
        repeat(BATCH) { queue.offer(message.frameFor(slot = 0)) }
        return queue.poll(batch)
    }

    private companion object {
        const val BATCH = 32
    }
}
