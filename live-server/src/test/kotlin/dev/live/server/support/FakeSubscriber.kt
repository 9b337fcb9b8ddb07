package dev.live.server.support

import dev.live.server.topic.MessageBatch
import dev.live.server.topic.PreparedMessage
import dev.live.server.topic.Subscriber
import java.util.concurrent.CopyOnWriteArrayList

/**
 * A subscriber that records messages. If [full], it rejects all; with a [failure], it throws it. It rejects batches of
 * more than [maxBatch] messages, so they arrive one by one.
 */
internal class FakeSubscriber(session: String = "s") : Subscriber(session) {
    @Volatile
    var full = false

    @Volatile
    var failure: Throwable? = null

    @Volatile
    var maxBatch = Int.MAX_VALUE

    private val taken = CopyOnWriteArrayList<String>()

    /** The sizes of the accepted batches. */
    val batchSizes: MutableList<Int> = CopyOnWriteArrayList()

    override fun offer(message: PreparedMessage): Boolean {
        failure?.let { throw it }
        if (!full) taken += message.message.text()
        return !full
    }

    override fun offer(batch: MessageBatch): Boolean {
        failure?.let { throw it }
        batch.frameFor(0) // fails like a real queue if the codec does
        if (full || batch.messages.size > maxBatch) return false
        batchSizes += batch.messages.size
        for (message in batch.messages) taken += message.message.text()
        return true
    }

    fun texts(): List<String> = taken.toList()
}
