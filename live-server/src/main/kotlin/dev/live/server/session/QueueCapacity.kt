package dev.live.server.session

import dev.live.server.frame.OutboundFrame
import java.util.concurrent.atomic.AtomicLongFieldUpdater
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater

/**
 * Counts the used capacity of a session's queue, and suspends senders until there is more.
 *
 * A superclass instead of a field, to avoid one object per session. Every function may be called from any thread,
 * unless noted otherwise.
 */
internal abstract class QueueCapacity(protected val bound: QueueBound) {
    /**
     * Waiting messages in the upper half, their bytes in the lower half, and the [CLOSED] bit.
     *
     * One field, so that an offer is rejected only because of waiting messages, never because of a concurrent offer
     * that is rejected too: no later take would wake its sender. A closed queue that is empty stays empty.
     */
    @Volatile
    protected var waiting = 0L
        private set

    /**
     * Messages that the writer has taken; may overflow. Written by the writer. Visible to a thread that has read
     * [waiting] since: one fence per batch is enough.
     */
    private var taken = 0

    /**
     * Waiting senders; null until the first one, because most sessions never fill their queue and a channel takes 400
     * bytes.
     */
    @Volatile
    private var waiters: SendWaiters? = null

    protected val isClosed: Boolean get() = waiting < 0

    /** Number of waiting messages. */
    protected val waitingMessages: Long get() = (waiting and CLOSED.inv()) / ONE

    /** Number of waiting bytes. */
    protected val waitingBytes: Long get() = waiting and BYTES

    /** Whether at most half of the capacity is used, in messages and in bytes. */
    val isHalfEmpty: Boolean
        get() = waiting.let { it / ONE <= bound.messages / 2 && (it and BYTES) <= bound.bytes / 2 }

    /**
     * Reserves capacity for [frame]. Returns the value of [waiting] before, or [REJECTED] if there is not enough
     * capacity.
     */
    protected fun reserve(frame: OutboundFrame, maxMessages: Int, maxBytes: Int): Long {
        while (true) {
            val before = waiting
            val isAlone = before and BYTES == 0L && frame.count == 1
            if (before < 0 || before / ONE + frame.count > maxMessages) return REJECTED
            if (!isAlone && (before and BYTES) + frame.size > maxBytes) return REJECTED
            if (WAITING.compareAndSet(this, before, before + weight(frame))) return before
        }
    }

    /** Releases the capacity reserved for [frame]. */
    protected fun release(frame: OutboundFrame) {
        WAITING.addAndGet(this, -weight(frame))
    }

    /** The writer has taken frames with the total [weight]. Only called by the writer. */
    protected fun recordTaken(weight: Long) {
        taken += (weight / ONE).toInt()
        WAITING.addAndGet(this, -weight)
        waiters?.signal()
    }

    /** Rejects all later reservations. */
    protected fun closeCapacity() {
        WAITING.accumulateAndGet(this, CLOSED, Long::or)
    }

    protected fun closeWaiters() {
        waiters?.close()
    }

    /** Waits until at most half of the capacity is used; returns false if the session ended first. */
    suspend fun awaitHalfEmpty(): Boolean = await { isHalfEmpty }

    /**
     * Like [awaitHalfEmpty], but returns at the latest when all messages waiting now have been taken: others may fill
     * the queue as fast as it is written.
     */
    suspend fun awaitHalfEmptyOrWritten(): Boolean {
        val before = taken
        val ahead = waitingMessages
        return await { isHalfEmpty || taken - before >= ahead }
    }

    /** Like [awaitHalfEmpty], but returns at the latest when [condition] is true. */
    suspend fun awaitHalfEmptyOr(condition: () -> Boolean): Boolean = await { isHalfEmpty || condition() }

    /** Wakes the next waiter, which checks its condition again. */
    fun signal() {
        waiters?.signal()
    }

    private suspend fun await(condition: () -> Boolean): Boolean =
        awaitAttempt {
            if (isClosed) {
                false
            } else if (condition()) {
                true
            } else {
                null
            }
        }

    /** See [SendWaiters.await]. */
    protected suspend fun awaitAttempt(attempt: () -> Boolean?): Boolean = getOrCreateWaiters().await(attempt)

    private fun getOrCreateWaiters(): SendWaiters {
        val created = waiters ?: SendWaiters().let { if (WAITERS.compareAndSet(this, null, it)) it else waiters!! }
        if (isClosed) created.close() // the thread that closed the queue may have found no waiters to close
        return created
    }

    internal companion object {
        // updaters, to avoid objects per session
        private val WAITERS =
            AtomicReferenceFieldUpdater.newUpdater(QueueCapacity::class.java, SendWaiters::class.java, "waiters")
        private val WAITING = AtomicLongFieldUpdater.newUpdater(QueueCapacity::class.java, "waiting")

        /** One message in the upper half of [waiting], and the mask of its lower half. */
        private const val ONE = 1L shl 32
        private const val BYTES = ONE - 1

        /** The sign bit of [waiting]. */
        const val CLOSED: Long = Long.MIN_VALUE

        const val REJECTED: Long = -1L

        fun weight(frame: OutboundFrame): Long = frame.count * ONE + frame.size

        /** Number of messages in [weight]. */
        fun messagesOf(weight: Long): Long = weight / ONE
    }
}
