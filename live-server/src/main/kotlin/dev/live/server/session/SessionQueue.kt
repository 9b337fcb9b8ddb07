package dev.live.server.session

import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.PreparedMessage
import dev.live.server.transport.FrameSource
import kotlinx.coroutines.channels.Channel
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater
import java.util.concurrent.atomic.AtomicLongFieldUpdater
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater

/**
 * What waits for one client: a bounded [Channel], counted in messages and in bytes.
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

    @Volatile
    override var waker: Runnable? = null

    /**
     * How many wait, in the upper half, and their bytes in the lower. One word, so that whoever is refused is refused by
     * what waits and not by another's offer that is refused as well: after that nothing would be taken that could wake it.
     */
    @Volatile
    private var waiting = 0L

    @Volatile
    private var isClosed = false

    /** Senders in [send]; the writer signals [room] only if there are any. */
    @Volatile
    private var waitingSenders = 0

    /** What senders wait on, once one did: most sessions never fill their queue, and a channel takes 400 bytes. */
    @Volatile
    private var room: Channel<Unit>? = null

    /** Bytes that wait. */
    val bytes: Long get() = waiting and BYTES

    fun offer(message: PreparedMessage): Offer = offer(message.frameFor(slot))

    fun offer(frame: OutboundFrame): Offer {
        val size = frame.size
        if (!reserve(size)) return if (isClosed) Offer.Closed else Offer.Full
        val result = channel.trySend(frame)
        if (result.isSuccess) {
            waker?.run()
            return Offer.Taken
        }
        check(result.isClosed) { "unreachable: there is room for what was reserved" }
        WAITING.addAndGet(this, -(ONE + size))
        return Offer.Closed
    }

    private fun reserve(size: Int): Boolean {
        while (true) {
            val before = waiting
            val bytes = before and BYTES
            if (before / ONE >= capacity || (bytes > 0 && bytes + size > maxBytes)) return false
            if (WAITING.compareAndSet(this, before, before + ONE + size)) return true
        }
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
        if (isClosed) fresh.close() // whoever closed the queue may have found none
        return fresh
    }

    override suspend fun take(batch: Array<OutboundFrame?>): Int {
        val first = channel.receiveCatching().getOrNull() ?: return -1
        return fill(batch, first)
    }

    override fun poll(batch: Array<OutboundFrame?>): Int {
        val first = channel.tryReceive()
        if (first.isClosed) return -1
        return fill(batch, first.getOrNull() ?: return 0)
    }

    private fun fill(batch: Array<OutboundFrame?>, first: OutboundFrame): Int {
        var frame: OutboundFrame? = first
        var count = 0
        var size = 0
        while (frame != null) {
            batch[count++] = frame
            size += frame.size
            frame = if (count < batch.size && size < MAX_BATCH_BYTES) channel.tryReceive().getOrNull() else null
        }
        // after the channel gave them: it never holds more than was reserved
        WAITING.addAndGet(this, -(count * ONE + size))
        if (waitingSenders > 0) room?.trySend(Unit)
        return count
    }

    /** Takes nothing more; what waits is still handed to the writer. */
    fun close() {
        isClosed = true
        channel.close()
        room?.close()
        waker?.run()
    }

    /** Takes nothing more and drops what waits. */
    fun cancel() {
        isClosed = true
        channel.cancel()
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
    }
}

/** What became of a message offered to a [SessionQueue]. */
internal enum class Offer { Taken, Full, Closed }
