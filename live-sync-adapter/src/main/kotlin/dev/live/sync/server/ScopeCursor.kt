package dev.live.sync.server

import java.util.concurrent.atomic.AtomicIntegerFieldUpdater
import java.util.concurrent.atomic.AtomicLongFieldUpdater

/** The newest cursor of one scope, which only increases, and its publish state. */
internal class ScopeCursor(val scope: String, initial: ULong) {
    @Volatile
    private var bits: Long = initial.toLong()

    /** 1 while queued to be published, otherwise 0. */
    @Volatile
    private var queued: Int = 0

    /** Earliest time of the next publish. Only accessed by [CursorNotifier.run]. */
    var nextAt: Long = Long.MIN_VALUE

    /** The last published cursor; null if none, or to publish again. Only accessed by [CursorNotifier.run]. */
    var lastPublished: ULong? = null

    val value: ULong get() = bits.toULong()

    /** Returns false if [cursor] is not above the current value. */
    fun raise(cursor: ULong): Boolean {
        while (true) {
            val current = bits
            if (cursor <= current.toULong()) return false
            if (BITS.compareAndSet(this, current, cursor.toLong())) return true
        }
    }

    /** Marks it as queued; returns false if it already is. */
    fun enqueue(): Boolean = QUEUED.compareAndSet(this, 0, 1)

    /** Clears the queued mark and returns the cursor to publish; null if it has already been published. */
    fun take(): ULong? {
        queued = 0 // before the read: a cursor raised after the read must be queued again
        val now = value
        val before = lastPublished
        if (before != null && now <= before) return null
        lastPublished = now
        return now
    }

    private companion object {
        val BITS: AtomicLongFieldUpdater<ScopeCursor> =
            AtomicLongFieldUpdater.newUpdater(ScopeCursor::class.java, "bits")
        val QUEUED: AtomicIntegerFieldUpdater<ScopeCursor> =
            AtomicIntegerFieldUpdater.newUpdater(ScopeCursor::class.java, "queued")
    }
}
