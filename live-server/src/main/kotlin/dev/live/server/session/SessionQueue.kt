package dev.live.server.session

import dev.live.server.topic.PreparedMessage
import dev.live.server.transport.Opcode
import dev.live.server.transport.OutboundFrame
import kotlinx.coroutines.channels.Channel
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicLong

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
    isBinary: Boolean,
) {
    private val channel = Channel<Any>(capacity)
    private val dataOpcode = if (isBinary) Opcode.Binary else Opcode.Text

    /**
     * How many wait, in the upper half, and their bytes in the lower. One word, so that whoever is refused is refused by
     * what waits and not by another's offer that is refused as well: after that nothing would be taken that could wake it.
     */
    private val waiting = AtomicLong()

    @Volatile
    private var isClosed = false

    /** Senders in [send]; the writer signals [room] only if there are any. */
    private val waitingSenders = AtomicInteger()
    private val room = Channel<Unit>(Channel.CONFLATED)

    /** Bytes that wait. */
    val bytes: Long get() = waiting.get() and BYTES

    fun offer(message: PreparedMessage): Offer = offer(message, message.bytesFor(slot).size)

    /** For answers to control frames. */
    fun offer(frame: OutboundFrame): Offer = offer(frame, frame.bytes.size)

    private fun offer(item: Any, size: Int): Offer {
        if (!reserve(size)) return if (isClosed) Offer.Closed else Offer.Full
        val result = channel.trySend(item)
        if (result.isSuccess) return Offer.Taken
        check(result.isClosed) { "unreachable: there is room for what was reserved" }
        waiting.addAndGet(-(ONE + size))
        return Offer.Closed
    }

    private fun reserve(size: Int): Boolean {
        while (true) {
            val before = waiting.get()
            val bytes = before and BYTES
            if (before / ONE >= capacity || (bytes > 0 && bytes + size > maxBytes)) return false
            if (waiting.compareAndSet(before, before + ONE + size)) return true
        }
    }

    /** Waits for room; false if the session ended first. */
    suspend fun send(message: PreparedMessage): Boolean {
        val first = offer(message)
        if (first != Offer.Full) return first == Offer.Taken
        waitingSenders.incrementAndGet()
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
            if (waitingSenders.decrementAndGet() > 0) room.trySend(Unit)
        }
    }

    /**
     * Waits for something, then fills [batch] with what else waits, up to its size or [MAX_BATCH_BYTES].
     *
     * @return how many frames, or -1 once the queue is closed and empty
     */
    suspend fun takeBatch(batch: Array<OutboundFrame?>): Int {
        var item: Any? = channel.receiveCatching().getOrNull() ?: return -1
        var count = 0
        var size = 0
        while (item != null) {
            val frame = frameOf(item)
            batch[count++] = frame
            size += frame.bytes.size
            item = if (count < batch.size && size < MAX_BATCH_BYTES) channel.tryReceive().getOrNull() else null
        }
        waiting.addAndGet(-(count * ONE + size)) // after the channel gave them: it never holds more than was reserved
        if (waitingSenders.get() > 0) room.trySend(Unit)
        return count
    }

    private fun frameOf(item: Any): OutboundFrame =
        if (item is PreparedMessage) OutboundFrame(dataOpcode, item.bytesFor(slot)) else item as OutboundFrame

    /** Takes nothing more; what waits is still handed to the writer. */
    fun close() {
        isClosed = true
        channel.close()
        room.close()
    }

    /** Takes nothing more and drops what waits. */
    fun cancel() {
        isClosed = true
        channel.cancel()
        room.close()
    }

    internal companion object {
        /** Bytes after which a batch is written though more waits: a client that reads slowly is seen to read. */
        const val MAX_BATCH_BYTES = 64 * 1024

        /** One message in the upper half of [waiting], and the mask of its lower half. */
        private const val ONE = 1L shl 32
        private const val BYTES = ONE - 1
    }
}

/** What became of a message offered to a [SessionQueue]. */
internal enum class Offer { Taken, Full, Closed }
