package dev.live.server.session

import dev.live.server.frame.OutboundFrame
import java.util.concurrent.atomic.AtomicLongFieldUpdater
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater

/**
 * The room in a session's queue: how much of it is taken, and who waits for it.
 *
 * A superclass and not a part, so that it is no object of its own in every session. Every function may be called from
 * any thread, but for what is said to be otherwise.
 */
internal abstract class QueueRoom(protected val bound: QueueBound) {
    /**
     * How many messages wait, in the upper half, their bytes in the lower, and [CLOSED] if nothing more is taken. It is
     * one word, so that an offer is refused for what waits and never for another offer that is refused as well: nothing
     * that is taken later would wake it. A closed queue that is found empty also stays empty.
     */
    @Volatile
    protected var waiting = 0L
        private set

    /**
     * Messages that the writer has taken, in a number that may turn over. Written by the writer, and visible to whoever
     * has read [waiting] since: one fence for each batch is enough.
     */
    private var taken = 0

    /** Who waits for room, once somebody did: most sessions never fill their queue, and a channel takes 400 bytes. */
    @Volatile
    private var line: SendWaiters? = null

    protected val isClosed: Boolean get() = waiting < 0

    /** Messages that wait. */
    protected val waitingMessages: Long get() = (waiting and CLOSED.inv()) / ONE

    /** Bytes that wait. */
    protected val waitingBytes: Long get() = waiting and BYTES

    /** Whether no more than half of what may wait does. */
    val isHalfEmpty: Boolean
        get() = waiting.let { it / ONE <= bound.messages / 2 && (it and BYTES) <= bound.bytes / 2 }

    /** What waited before room for [frame] was reserved, or [REFUSED] if there is none. */
    protected fun reserve(frame: OutboundFrame, most: Int, mostBytes: Int): Long {
        while (true) {
            val before = waiting
            val isAlone = before and BYTES == 0L && frame.count == 1
            if (before < 0 || before / ONE + frame.count > most) return REFUSED
            if (!isAlone && (before and BYTES) + frame.size > mostBytes) return REFUSED
            if (WAITING.compareAndSet(this, before, before + weight(frame))) return before
        }
    }

    /** Gives back what was reserved for [frame]. */
    protected fun giveBack(frame: OutboundFrame) {
        WAITING.addAndGet(this, -weight(frame))
    }

    /** The writer has taken frames of [weight] in all. Called by the writer. */
    protected fun took(weight: Long) {
        taken += (weight / ONE).toInt()
        WAITING.addAndGet(this, -weight)
        line?.signal()
    }

    /** Nothing more is taken in. */
    protected fun closeRoom() {
        WAITING.accumulateAndGet(this, CLOSED, Long::or)
    }

    protected fun closeLine() {
        line?.close()
    }

    /** Waits until no more than half of what may wait does; false if the session ended first. */
    suspend fun awaitRoom(): Boolean = await { isHalfEmpty }

    /**
     * As [awaitRoom], but no longer than until all that waits now was taken: others may fill the queue as fast as it is
     * written.
     */
    suspend fun awaitTurnover(): Boolean {
        val before = taken
        val ahead = waitingMessages
        return await { isHalfEmpty || taken - before >= ahead }
    }

    /** As [awaitRoom], but no longer than until [isEnough]. */
    suspend fun awaitRoomOr(isEnough: () -> Boolean): Boolean = await { isHalfEmpty || isEnough() }

    /** Has the next one that waits look again. */
    fun signal() {
        line?.signal()
    }

    private suspend fun await(isEnough: () -> Boolean): Boolean =
        waitInLine {
            if (isClosed) {
                false
            } else if (isEnough()) {
                true
            } else {
                null
            }
        }

    /** See [SendWaiters.wait]. */
    protected suspend fun waitInLine(attempt: () -> Boolean?): Boolean = madeLine().wait(attempt)

    private fun madeLine(): SendWaiters {
        val made = line ?: SendWaiters().let { if (LINE.compareAndSet(this, null, it)) it else line!! }
        if (isClosed) made.close() // whoever closed the queue may have found none
        return made
    }

    internal companion object {
        // no objects of their own in every session for these
        private val LINE = AtomicReferenceFieldUpdater.newUpdater(QueueRoom::class.java, SendWaiters::class.java, "line")
        private val WAITING = AtomicLongFieldUpdater.newUpdater(QueueRoom::class.java, "waiting")

        /** One message in the upper half of [waiting], and the mask of its lower half. */
        private const val ONE = 1L shl 32
        private const val BYTES = ONE - 1

        /** The sign of [waiting]. */
        const val CLOSED: Long = Long.MIN_VALUE

        const val REFUSED: Long = -1L

        fun weight(frame: OutboundFrame): Long = frame.count * ONE + frame.size

        /** How many messages are in [weight]. */
        fun messagesOf(weight: Long): Long = weight / ONE
    }
}
