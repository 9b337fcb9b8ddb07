package dev.live.server.session

import dev.live.server.frame.OutboundFrame
import dev.live.server.transport.FrameSource
import kotlinx.coroutines.channels.Channel
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater

/**
 * The messages that wait for one client: a [Channel] bounded by messages and bytes, with a one-frame slot before it.
 *
 * The slot takes a message that finds the queue empty, which is nearly every message. It bypasses the channel, which
 * consists of four objects that a fan-out to thousands of sessions would have to fetch from memory. The channel is
 * created for the first message that it takes: it needs 400 bytes, and an idle session none of them.
 *
 * A message larger than the byte bound is accepted only by an empty queue. Any thread may offer, without suspending;
 * only the session's writer takes. [QueueCapacity] counts the waiting messages.
 */
internal class SessionQueue(bound: QueueBound) : QueueCapacity(bound), FrameSource {
    /** Null until the first frame that [head] does not take. Read by any thread. */
    @Volatile
    private var channel: Channel<OutboundFrame>? = null

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

    override val isIdle: Boolean get() = waiting == 0L && lossy?.isEmpty != false

    /** Waiting messages, including those of lossy topics. */
    val count: Int get() = waitingMessages.toInt() + (lossy?.count ?: 0)

    /** Waiting bytes, including those of lossy topics. */
    val bytes: Long get() = waitingBytes + (lossy?.size ?: 0)

    /**
     * Accepts all messages of [frame] or none. A frame of several messages that is larger than the byte bound is never
     * accepted.
     *
     * @param isBurst whether the burst bound applies, because the writer has not run yet
     */
    fun offer(frame: OutboundFrame, isBurst: Boolean = false): OfferResult {
        val before =
            if (isBurst) {
                reserve(frame, bound.burstMessages, bound.burstBytes)
            } else {
                reserve(frame, bound.messages, bound.bytes)
            }
        if (before == REJECTED) return if (isClosed) OfferResult.Closed else OfferResult.Full
        var isAccepted = true
        if (before == 0L && waker != null) head = frame else isAccepted = sendToChannel(frame)
        waker?.run() // read again: a writer that started in the meantime has found nothing
        return if (isAccepted) OfferResult.Accepted else OfferResult.Closed
    }

    /**
     * Stores the message in [frame] under [key] of [topic], replacing the waiting message with that key. At most
     * [limit] messages of [topic] wait; there is always capacity. Returns false if the session has ended.
     *
     * @param hasOffset whether the message is stored in a history
     */
    fun offerLossy(
        topic: LossyQueue.TopicEntries,
        key: Any,
        frame: OutboundFrame,
        limit: Int,
        hasOffset: Boolean,
    ): Boolean {
        if (isClosed) return false
        val lossy = getOrCreateLossy()
        lossy.put(topic, key, frame, lossy.barrierAfter { waitingMessages }, limit, hasOffset)
        // a writer that does not wait in the channel checks the lossy queue before it waits
        if (waker == null && waiting == 0L && lossy.markSignaled()) getOrCreateChannel().trySend(OutboundFrame.Empty)
        waker?.run()
        return true
    }

    /** Discards the waiting messages of [topic]. */
    fun removeLossy(topic: LossyQueue.TopicEntries): Unit = lossy?.remove(topic) ?: Unit

    private fun getOrCreateLossy(): LossyQueue =
        lossy ?: LossyQueue(bound.bytes).let { if (LOSSY.compareAndSet(this, null, it)) it else lossy!! }

    private fun sendToChannel(frame: OutboundFrame): Boolean {
        val result = getOrCreateChannel().trySend(frame).also { if (it.isSuccess) return true }
        check(result.isClosed) { "unreachable: the capacity is reserved" }
        release(frame)
        return false
    }

    private fun getOrCreateChannel(): Channel<OutboundFrame> = channel ?: createChannel()

    private fun createChannel(): Channel<OutboundFrame> {
        val fresh = Channel<OutboundFrame>(bound.burstMessages + 1) // plus one [OutboundFrame.Empty]
        val created = if (CHANNEL.compareAndSet(this, null, fresh)) fresh else channel!!
        if (isClosed) created.close() // the thread that closed the queue may have found no channel to close
        return created
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
            val received = getOrCreateChannel().receiveCatching().getOrNull()
            if (received === OutboundFrame.Empty) {
                lossy?.clearSignal()
            } else {
                next = received
                return poll(batch)
            }
        }
    }

    override fun poll(batch: Array<OutboundFrame?>): Int {
        val before = waiting
        if (isCancelled) return -1
        val reserved = before and CLOSED.inv()
        var count = 0
        var size = 0
        var taken = 0L
        while (taken < reserved && count < batch.size && size < MAX_BATCH_BYTES) {
            val frame = nextFrame() ?: break // its capacity is reserved, but the frame has not arrived yet
            if (frame.count > 0) batch[count++] = frame else lossy?.clearSignal()
            size += frame.size
            taken += weight(frame)
        }
        if (taken > 0) {
            lossy?.onTaken(messagesOf(taken))
            recordTaken(taken) // after the frames have left the channel, so that it never holds more than was reserved
        }
        val end = lossy?.fill(batch, count, isChannelEmpty = waiting and CLOSED.inv() == 0L) ?: count
        return if (end == 0 && before == CLOSED) -1 else end
    }

    /** Returns the oldest waiting frame, or null if none has arrived. */
    private fun nextFrame(): OutboundFrame? {
        val earlier = next ?: head
        if (earlier != null) {
            if (next == null) head = null else next = null
            return earlier
        }
        val later = channel?.tryReceive()?.getOrNull()
        val arrived = head ?: return later
        head = null
        next = later
        return arrived
    }

    /** Rejects new messages; the writer still receives the waiting ones. */
    fun close() {
        closeCapacity()
        channel?.close()
        closeWaiters()
        waker?.run()
    }

    /** Rejects new messages and discards the waiting ones. */
    fun cancel() {
        closeCapacity()
        isCancelled = true
        channel?.cancel()
        lossy?.clear()
        head = null
        closeWaiters()
        waker?.run()
    }

    internal companion object {
        /** Bytes that end a batch even if more frames wait, so that progress of a slow reader is noticed. */
        const val MAX_BATCH_BYTES = 64 * 1024

        // updaters, to avoid objects per session
        private val LOSSY =
            AtomicReferenceFieldUpdater.newUpdater(SessionQueue::class.java, LossyQueue::class.java, "lossy")
        private val CHANNEL =
            AtomicReferenceFieldUpdater.newUpdater(SessionQueue::class.java, Channel::class.java, "channel")
    }
}
