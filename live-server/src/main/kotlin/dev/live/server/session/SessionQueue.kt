package dev.live.server.session

import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.MessageRun
import dev.live.server.topic.PreparedMessage
import dev.live.server.transport.FrameSource
import kotlinx.coroutines.channels.Channel
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater
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
    private val channel = Channel<OutboundFrame>(capacity)

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

    /** Senders in [send]; the writer signals [room] only if there are any. */
    @Volatile
    private var waitingSenders = 0

    /** What senders wait on, once one did: most sessions never fill their queue, and a channel takes 400 bytes. */
    @Volatile
    private var room: Channel<Unit>? = null

    /** Messages that wait. */
    val count: Int get() = ((waiting and CLOSED.inv()) / ONE).toInt()

    /** Bytes that wait. */
    val bytes: Long get() = waiting and BYTES

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
        val result = channel.trySend(frame)
        if (result.isSuccess) return true
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

    private suspend fun sendInTurn(message: PreparedMessage): Boolean {
        SENDERS.incrementAndGet(this)
        val room = madeRoom() // before the offer: whoever takes from now on signals it
        try {
            while (true) {
                when (offer(message)) {
                    Offer.Taken -> return true
                    Offer.Closed -> return false
                    Offer.Full -> if (room.receiveCatching().isClosed) return false
                }
            }
        } finally {
            // the signal may have been meant for the next one in line
            if (SENDERS.decrementAndGet(this) > 0) room.trySend(Unit)
        }
    }

    private fun madeRoom(): Channel<Unit> {
        room?.let { return it }
        val fresh = Channel<Unit>(Channel.CONFLATED)
        if (!ROOM.compareAndSet(this, null, fresh)) return checkNotNull(room)
        if (waiting < 0) fresh.close() // whoever closed the queue may have found none
        return fresh
    }

    override suspend fun take(batch: Array<OutboundFrame?>): Int {
        val first = channel.receiveCatching().getOrNull() ?: return -1
        return fill(batch, first)
    }

    override fun poll(batch: Array<OutboundFrame?>): Int {
        val before = waiting
        if (isCancelled || before == CLOSED) return -1
        if (before == 0L) return 0
        return fill(batch, oldest() ?: return 0)
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
            batch[count++] = frame
            size += frame.size
            taken += weight(frame)
            val isEnough = taken >= waiting || count == batch.size || size >= MAX_BATCH_BYTES
            frame = if (isEnough) null else oldest()
        }
        // after the channel gave them: it never holds more than was reserved
        WAITING.addAndGet(this, -taken)
        if (waitingSenders > 0) room?.trySend(Unit)
        return count
    }

    /** Takes nothing more; what waits is still handed to the writer. */
    fun close() {
        WAITING.accumulateAndGet(this, CLOSED, Long::or)
        channel.close()
        room?.close()
        waker?.run()
    }

    /** Takes nothing more and drops what waits. */
    fun cancel() {
        WAITING.accumulateAndGet(this, CLOSED, Long::or)
        isCancelled = true
        channel.cancel()
        front = null
        room?.close()
        waker?.run()
    }

    internal companion object {
        /** Bytes after which a batch is written though more waits: a client that reads slowly is seen to read. */
        const val MAX_BATCH_BYTES = 64 * 1024

        // no objects of their own in every session for these
        private val ROOM = AtomicReferenceFieldUpdater.newUpdater(SessionQueue::class.java, Channel::class.java, "room")
        private val WAITING = AtomicLongFieldUpdater.newUpdater(SessionQueue::class.java, "waiting")
        private val SENDERS = AtomicIntegerFieldUpdater.newUpdater(SessionQueue::class.java, "waitingSenders")

        /** One message in the upper half of [waiting], and the mask of its lower half. */
        private const val ONE = 1L shl 32
        private const val BYTES = ONE - 1

        /** The sign of [waiting]. */
        private const val CLOSED = Long.MIN_VALUE

        private const val REFUSED = -1L

        private fun weight(frame: OutboundFrame): Long = frame.count * ONE + frame.size
    }
}

/** What became of a message offered to a [SessionQueue]. */
internal enum class Offer { Taken, Full, Closed }
