package dev.live.server.session

import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.MessageBatch
import dev.live.server.topic.PreparedMessage
import dev.live.server.transport.FrameSource
import kotlinx.coroutines.channels.Channel
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater

/**
 * The messages that wait for one client: a [Channel] bounded by messages and bytes, with a one-frame slot before it.
 *
 * The slot takes a message that finds the queue empty, which is nearly every message. It bypasses the channel, which
 * consists of four objects that a fan-out to thousands of sessions would have to fetch from memory.
 *
 * A message larger than the byte bound is accepted only by an empty queue. Any thread may offer, without suspending;
 * only the session's writer takes. [QueueCapacity] counts the waiting messages.
 *
 * @param slot of the session's dialect
 */
internal class SessionQueue(bound: QueueBound, private val slot: Int) : QueueCapacity(bound), FrameSource {
    private val channel = Channel<OutboundFrame>(bound.burstMessages + 1) // plus one [OutboundFrame.Empty]

    /**
     * The frame that found the queue empty; older than all frames in [channel]. Only used while there is a [waker],
     * because a writer that waits in the channel would not notice it. Set by the thread that reserved capacity in an
     * empty queue, cleared by the writer.
     */
    @Volatile
    private var head: OutboundFrame? = null

    /** A frame taken from [channel] just before [head] was set, to be written after it. Only accessed by the writer. */
    private var next: OutboundFrame? = null

    @Volatile
    override var waker: Runnable? = null

    /** Whether the waiting frames are discarded. */
    @Volatile
    private var isCancelled = false

    /** Waiting messages of topics that may lose messages; null until the first one. */
    @Volatile
    private var lossy: LossyQueue? = null

    /** Waiting messages, including those of lossy topics. */
    val count: Int get() = waitingMessages.toInt() + (lossy?.count ?: 0)

    /** Waiting bytes, including those of lossy topics. */
    val bytes: Long get() = waitingBytes + (lossy?.size ?: 0)

    /** @param slot of the dialect for [message] */
    fun offer(message: PreparedMessage, slot: Int = this.slot): OfferResult = offer(message.frameFor(slot))

    /** Accepts all of [batch] or none of it; a batch larger than the byte bound is never accepted. */
    fun offer(batch: MessageBatch, slot: Int = this.slot): OfferResult = offer(batch.frameFor(slot))

    fun offer(frame: OutboundFrame): OfferResult = offer(frame, bound.messages, bound.bytes)

    /** Like [offer], but accepts up to the burst bound, while the writer has not run yet. */
    fun offerBurst(message: PreparedMessage): OfferResult = offerBurst(message.frameFor(slot))

    fun offerBurst(frame: OutboundFrame): OfferResult = offer(frame, bound.burstMessages, bound.burstBytes)

    private fun offer(frame: OutboundFrame, maxMessages: Int, maxBytes: Int): OfferResult {
        val before = reserve(frame, maxMessages, maxBytes)
        if (before == REJECTED) return if (isClosed) OfferResult.Closed else OfferResult.Full
        var isAccepted = true
        if (before == 0L && waker != null) head = frame else isAccepted = sendToChannel(frame)
        waker?.run() // read again: a writer that started in the meantime has found nothing
        return if (isAccepted) OfferResult.Accepted else OfferResult.Closed
    }

    /**
     * Stores [message] under [key] of [topic], replacing the waiting message with that key. At most [limit] messages of
     * [topic] wait; there is always capacity. Returns false if the session has ended.
     *
     * @param slot of the dialect for the messages of [topic]
     */
    fun offerLossy(
        topic: LossyQueue.TopicEntries,
        key: Any,
        message: PreparedMessage,
        limit: Int,
        slot: Int = this.slot,
    ): Boolean {
        val frame = message.frameFor(slot)
        if (isClosed) return false
        val lossy = getOrCreateLossy()
        lossy.put(topic, key, frame, lossy.barrierAfter { waitingMessages }, limit, message.hasOffset)
        // a writer that does not wait in the channel checks the lossy queue before it waits
        if (waker == null && waiting == 0L && lossy.markSignaled()) channel.trySend(OutboundFrame.Empty)
        waker?.run()
        return true
    }

    /** Discards the waiting messages of [topic]. */
    fun removeLossy(topic: LossyQueue.TopicEntries): Unit = lossy?.remove(topic) ?: Unit

    private fun getOrCreateLossy(): LossyQueue =
        lossy ?: LossyQueue(bound.bytes).let { if (LOSSY.compareAndSet(this, null, it)) it else lossy!! }

    private fun sendToChannel(frame: OutboundFrame): Boolean {
        val result = channel.trySend(frame).also { if (it.isSuccess) return true }
        check(result.isClosed) { "unreachable: the capacity is reserved" }
        release(frame)
        return false
    }

    /** Suspends until there is capacity; returns false if the session ended first. */
    suspend fun send(frame: OutboundFrame): Boolean {
        val first = offer(frame)
        // a separate function, so that this one has no suspension point: there is nearly always capacity
        return if (first == OfferResult.Full) sendWhenSpace(frame) else first == OfferResult.Accepted
    }

    private suspend fun sendWhenSpace(frame: OutboundFrame): Boolean =
        awaitAttempt { offer(frame).takeIf { it != OfferResult.Full }?.let { it == OfferResult.Accepted } }

    override suspend fun take(batch: Array<OutboundFrame?>): Int {
        while (true) {
            val hasLossy = lossy?.isEmpty == false
            val polled = if (hasLossy) poll(batch) else 0
            if (polled != 0) return polled
            val first = channel.receiveCatching().getOrNull() ?: return poll(batch)
            if (first !== OutboundFrame.Empty) return fill(batch, first)
            lossy?.clearSignal()
        }
    }

    override fun poll(batch: Array<OutboundFrame?>): Int {
        val before = waiting
        if (isCancelled) return -1
        val first = if (before and CLOSED.inv() == 0L) null else nextFrame()
        val count = if (first == null) 0 else fill(batch, first)
        val end = lossy?.fill(batch, count, isChannelEmpty = waiting and CLOSED.inv() == 0L) ?: count
        return if (end == 0 && before == CLOSED) -1 else end
    }

    /** Returns the oldest waiting frame, or null if its capacity is reserved but the frame has not arrived yet. */
    private fun nextFrame(): OutboundFrame? {
        val earlier = next ?: head
        if (earlier != null) {
            if (next == null) head = null else next = null
            return earlier
        }
        val later = channel.tryReceive().getOrNull()
        val arrived = head ?: return later
        head = null
        next = later
        return arrived
    }

    private fun fill(batch: Array<OutboundFrame?>, first: OutboundFrame): Int {
        val waiting = waiting and CLOSED.inv()
        var frame: OutboundFrame? = first
        var count = 0
        var size = 0
        var taken = 0L
        while (frame != null) {
            if (frame.count > 0) batch[count++] = frame else lossy?.clearSignal()
            size += frame.size
            taken += weight(frame)
            frame = if (taken >= waiting || count == batch.size || size >= MAX_BATCH_BYTES) null else nextFrame()
        }
        lossy?.onTaken(messagesOf(taken))
        recordTaken(taken) // after the frames have left the channel, so that it never holds more than was reserved
        return count
    }

    /** Rejects new messages; the writer still receives the waiting ones. */
    fun close() {
        closeCapacity()
        channel.close()
        closeWaiters()
        waker?.run()
    }

    /** Rejects new messages and discards the waiting ones. */
    fun cancel() {
        closeCapacity()
        isCancelled = true
        channel.cancel()
        lossy?.clear()
        head = null
        closeWaiters()
        waker?.run()
    }

    internal companion object {
        /** Bytes that end a batch even if more frames wait, so that progress of a slow reader is noticed. */
        const val MAX_BATCH_BYTES = 64 * 1024

        // an updater, to avoid one object per session
        private val LOSSY = AtomicReferenceFieldUpdater.newUpdater(
            SessionQueue::class.java,
            LossyQueue::class.java,
            "lossy",
        )
    }
}
