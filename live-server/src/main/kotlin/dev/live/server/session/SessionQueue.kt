package dev.live.server.session

import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.MessageRun
import dev.live.server.topic.PreparedMessage
import dev.live.server.transport.FrameSource
import kotlinx.coroutines.channels.Channel
import java.util.concurrent.atomic.AtomicLongFieldUpdater
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater

/**
 * What waits for one client: a bounded [Channel], counted in messages and in bytes. In front of it is a place for what
 * finds nothing waiting, which is nearly every message: it never touches the channel, whose parts are four objects that
 * a fan-out to thousands would have to fetch from memory.
 *
 * A message larger than the bound on bytes is taken by an empty queue only. Offering never suspends and may come from
 * any thread; taking is the session's writer alone.
 *
 * @param slot the session's codec in the table
 */
internal class SessionQueue(
    private val capacity: Int,
    private val maxBytes: Int,
    private val slot: Int,
) : FrameSource {
    private val channel = Channel<OutboundFrame>(capacity + 1) // and [OutboundFrame.Nothing], at most once

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

    /**
     * How many wait, in the upper half, their bytes in the lower, and [CLOSED] if nothing more is taken. One word, so
     * that whoever is refused is refused by what waits and not by another's offer that is refused as well: after that
     * nothing would be taken that could wake it. And so that a closed queue that is found empty stays empty.
     */
    @Volatile
    private var waiting = 0L

    /** What waits is not wanted any more. */
    @Volatile
    private var isCancelled = false

    /** Who waits for room, once somebody did: most sessions never fill their queue, and a channel takes 400 bytes. */
    @Volatile
    private var line: SenderLine? = null

    /** What waits of topics that may lose messages, once there was something. */
    @Volatile
    private var lossy: LossyQueue? = null

    /** Messages that wait, of topics that may lose them too. */
    val count: Int get() = ((waiting and CLOSED.inv()) / ONE).toInt() + (lossy?.count ?: 0)

    /** Bytes that wait, of the same. */
    val bytes: Long get() = (waiting and BYTES) + (lossy?.size ?: 0)

    fun offer(message: PreparedMessage): Offer = offer(message.frameFor(slot))

    /** Takes all of [run] or nothing of it; one larger than the bound on bytes is never taken. */
    fun offer(run: MessageRun): Offer = offer(run.frameFor(slot))

    fun offer(frame: OutboundFrame): Offer {
        val before = reserve(frame)
        if (before == REFUSED) return if (waiting < 0) Offer.Closed else Offer.Full
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
        if (waiting < 0) return false
        val lossy = madeLossy()
        lossy.put(part, key, frame, lossy.after { (waiting and CLOSED.inv()) / ONE }, limit, message.hasPlace)
        // any other than a writer that waits in the channel looks here before it waits
        if (waker == null && waiting == 0L && lossy.announces()) channel.trySend(OutboundFrame.Nothing)
        waker?.run()
        return true
    }

    /** Takes back what was kept of [part]. */
    fun forget(part: LossyQueue.Part): Unit = lossy?.remove(part) ?: Unit

    private fun madeLossy(): LossyQueue =
        lossy ?: LossyQueue(maxBytes).let { if (LOSSY.compareAndSet(this, null, it)) it else lossy!! }

    /** What waited before room for [frame] was reserved, or [REFUSED] if there is none. */
    private fun reserve(frame: OutboundFrame): Long {
        while (true) {
            val before = waiting
            val isAlone = before and BYTES == 0L && frame.count == 1
            if (before < 0 || before / ONE + frame.count > capacity) return REFUSED
            if (!isAlone && (before and BYTES) + frame.size > maxBytes) return REFUSED
            if (WAITING.compareAndSet(this, before, before + weight(frame))) return before
        }
    }

    private fun sent(frame: OutboundFrame): Boolean {
        val result = channel.trySend(frame).also { if (it.isSuccess) return true }
        check(result.isClosed) { "unreachable: there is room for what was reserved" }
        WAITING.addAndGet(this, -weight(frame))
        return false
    }

    /** Waits for room; false if the session ended first. */
    suspend fun send(message: PreparedMessage): Boolean {
        val first = offer(message)
        // in a function of its own, so that this one is none that can suspend: nearly always there is room
        return if (first == Offer.Full) sendInTurn(message) else first == Offer.Taken
    }

    private suspend fun sendInTurn(message: PreparedMessage): Boolean =
        madeLine().wait { offer(message).takeIf { it != Offer.Full }?.let { it == Offer.Taken } }

    /** Waits until no more than half of what may wait does; false if the session ended first. */
    suspend fun awaitRoom(): Boolean =
        madeLine().wait {
            if (waiting < 0) {
                false
            } else if (isHalfEmpty) {
                true
            } else {
                null
            }
        }

    private val isHalfEmpty: Boolean get() = waiting / ONE <= capacity / 2 && (waiting and BYTES) <= maxBytes / 2

    private fun madeLine(): SenderLine {
        val made = line ?: SenderLine().let { if (LINE.compareAndSet(this, null, it)) it else line!! }
        if (waiting < 0) made.close() // whoever closed the queue may have found none
        return made
    }

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
        lossy?.taken(taken / ONE)
        // after the channel gave them: it never holds more than was reserved
        WAITING.addAndGet(this, -taken)
        line?.signal()
        return count
    }

    /** Takes nothing more; what waits is still handed to the writer. */
    fun close() {
        WAITING.accumulateAndGet(this, CLOSED, Long::or)
        channel.close()
        line?.close()
        waker?.run()
    }

    /** Takes nothing more and drops what waits. */
    fun cancel() {
        WAITING.accumulateAndGet(this, CLOSED, Long::or)
        isCancelled = true
        channel.cancel()
        lossy?.clear()
        front = null
        line?.close()
        waker?.run()
    }

    internal companion object {
        /** Bytes after which a batch is written though more waits: a client that reads slowly is seen to read. */
        const val MAX_BATCH_BYTES = 64 * 1024

        // no objects of their own in every session for these
        private val LINE = AtomicReferenceFieldUpdater.newUpdater(
            SessionQueue::class.java,
            SenderLine::class.java,
            "line",
        )
        private val WAITING = AtomicLongFieldUpdater.newUpdater(SessionQueue::class.java, "waiting")
        private val LOSSY = AtomicReferenceFieldUpdater.newUpdater(
            SessionQueue::class.java,
            LossyQueue::class.java,
            "lossy",
        )

        /** One message in the upper half of [waiting], and the mask of its lower half. */
        private const val ONE = 1L shl 32
        private const val BYTES = ONE - 1

        /** The sign of [waiting]. */
        private const val CLOSED = Long.MIN_VALUE

        private const val REFUSED = -1L

        private fun weight(frame: OutboundFrame): Long = frame.count * ONE + frame.size
    }
}
