package dev.live.server.session

import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.MessageBatch
import dev.live.server.topic.PreparedMessage
import dev.live.server.transport.FrameSource
import kotlinx.coroutines.channels.Channel
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater

/**
 * What waits for one client: a bounded [Channel], counted in messages and in bytes. In front of it is a place for what
 * finds nothing waiting, which is nearly every message: it never touches the channel, whose parts are four objects that
 * a fan-out to thousands would have to fetch from memory.
 *
 * A message larger than the bound on bytes is taken by an empty queue only. Offering never suspends and may come from
 * any thread; taking is the session's writer alone. [QueueRoom] counts what waits.
 *
 * @param slot the session's codec in the table
 */
internal class SessionQueue(bound: QueueBound, private val slot: Int) : QueueRoom(bound), FrameSource {
    private val channel = Channel<OutboundFrame>(bound.surgeMessages + 1) // and [OutboundFrame.Nothing], at most once

    /**
     * What came when nothing waited; older than all in [channel]. Only while there is a [waker]: who waits in the
     * channel would not notice it. Put here by whoever reserved room in an empty queue, taken by the writer.
     */
    @Volatile
    private var front: OutboundFrame? = null

    /** Taken from [channel] a moment before [front] was seen. Only accessed by the writer. */
    private var next: OutboundFrame? = null

    @Volatile
    override var waker: Runnable? = null

    /** What waits is not wanted any more. */
    @Volatile
    private var isCancelled = false

    /** What waits of topics that may lose messages, once there was something. */
    @Volatile
    private var lossy: LossyQueue? = null

    /** Messages that wait, of topics that may lose them too. */
    val count: Int get() = waitingMessages.toInt() + (lossy?.count ?: 0)

    /** Bytes that wait, of the same. */
    val bytes: Long get() = waitingBytes + (lossy?.size ?: 0)

    fun offer(message: PreparedMessage): Offer = offer(message.frameFor(slot))

    /** Takes all of [run] or nothing of it; one larger than the bound on bytes is never taken. */
    fun offer(run: MessageBatch): Offer = offer(run.frameFor(slot))

    fun offer(frame: OutboundFrame): Offer = offer(frame, bound.messages, bound.bytes)

    /** As [offer], but takes more than the bound: what the writer may find when it has its turn. */
    fun offerSurge(message: PreparedMessage): Offer =
        offer(message.frameFor(slot), bound.surgeMessages, bound.surgeBytes)

    private fun offer(frame: OutboundFrame, most: Int, mostBytes: Int): Offer {
        val before = reserve(frame, most, mostBytes)
        if (before == REFUSED) return if (isClosed) Offer.Closed else Offer.Full
        var isTaken = true
        if (before == 0L && waker != null) front = frame else isTaken = sent(frame)
        waker?.run() // looked at again: a writer that began in between has found nothing
        return if (isTaken) Offer.Taken else Offer.Closed
    }

    /**
     * Keeps [message] in the place of what waits under [key] of [part], at most [limit] of them; there is always room.
     * False if the session has ended.
     */
    fun keep(part: LossyQueue.Part, key: Any, message: PreparedMessage, limit: Int): Boolean {
        val frame = message.frameFor(slot)
        if (isClosed) return false
        val lossy = madeLossy()
        lossy.put(part, key, frame, lossy.after { waitingMessages }, limit, message.hasPlace)
        // any other than a writer that waits in the channel looks here before it waits
        if (waker == null && waiting == 0L && lossy.announces()) channel.trySend(OutboundFrame.Nothing)
        waker?.run()
        return true
    }

    /** Takes back what was kept of [part]. */
    fun forget(part: LossyQueue.Part): Unit = lossy?.remove(part) ?: Unit

    private fun madeLossy(): LossyQueue =
        lossy ?: LossyQueue(bound.bytes).let { if (LOSSY.compareAndSet(this, null, it)) it else lossy!! }

    private fun sent(frame: OutboundFrame): Boolean {
        val result = channel.trySend(frame).also { if (it.isSuccess) return true }
        check(result.isClosed) { "unreachable: there is room for what was reserved" }
        giveBack(frame)
        return false
    }

    /** Waits for room; false if the session ended first. */
    suspend fun send(message: PreparedMessage): Boolean = send(message.frameFor(slot))

    suspend fun send(frame: OutboundFrame): Boolean {
        val first = offer(frame)
        // in a function of its own, so that this one is none that can suspend: nearly always there is room
        return if (first == Offer.Full) sendInTurn(frame) else first == Offer.Taken
    }

    private suspend fun sendInTurn(frame: OutboundFrame): Boolean =
        waitInLine { offer(frame).takeIf { it != Offer.Full }?.let { it == Offer.Taken } }

    override suspend fun take(batch: Array<OutboundFrame?>): Int {
        while (true) {
            val isThereMore = lossy?.isEmpty == false
            val known = if (isThereMore) poll(batch) else 0
            if (known != 0) return known
            val first = channel.receiveCatching().getOrNull() ?: return poll(batch)
            if (first !== OutboundFrame.Nothing) return fill(batch, first)
            lossy?.heard()
        }
    }

    override fun poll(batch: Array<OutboundFrame?>): Int {
        val before = waiting
        if (isCancelled) return -1
        val first = if (before and CLOSED.inv() == 0L) null else oldest()
        val count = if (first == null) 0 else fill(batch, first)
        val end = lossy?.fill(batch, count, isBehindAll = waiting and CLOSED.inv() == 0L) ?: count
        return if (end == 0 && before == CLOSED) -1 else end
    }

    /** The oldest that waits, or null if it is only about to come in. */
    private fun oldest(): OutboundFrame? {
        val earlier = next ?: front
        if (earlier != null) {
            if (next == null) front = null else next = null
            return earlier
        }
        val later = channel.tryReceive().getOrNull()
        val came = front ?: return later
        front = null
        next = later
        return came
    }

    private fun fill(batch: Array<OutboundFrame?>, first: OutboundFrame): Int {
        val waiting = waiting and CLOSED.inv()
        var frame: OutboundFrame? = first
        var count = 0
        var size = 0
        var taken = 0L
        while (frame != null) {
            if (frame.count > 0) batch[count++] = frame else lossy?.heard()
            size += frame.size
            taken += weight(frame)
            frame = if (taken >= waiting || count == batch.size || size >= MAX_BATCH_BYTES) null else oldest()
        }
        lossy?.taken(messagesOf(taken))
        took(taken) // after the channel gave them: it never holds more than was reserved
        return count
    }

    /** Takes nothing more; what waits is still handed to the writer. */
    fun close() {
        closeRoom()
        channel.close()
        closeLine()
        waker?.run()
    }

    /** Takes nothing more and drops what waits. */
    fun cancel() {
        closeRoom()
        isCancelled = true
        channel.cancel()
        lossy?.clear()
        front = null
        closeLine()
        waker?.run()
    }

    internal companion object {
        /** Bytes after which a batch is written though more waits: a client that reads slowly is seen to read. */
        const val MAX_BATCH_BYTES = 64 * 1024

        // no object of its own in every session for it
        private val LOSSY = AtomicReferenceFieldUpdater.newUpdater(
            SessionQueue::class.java,
            LossyQueue::class.java,
            "lossy",
        )
    }
}
