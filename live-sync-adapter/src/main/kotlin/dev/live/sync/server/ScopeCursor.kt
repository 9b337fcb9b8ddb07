package dev.live.sync.server

import java.util.concurrent.atomic.AtomicIntegerFieldUpdater
import java.util.concurrent.atomic.AtomicLongFieldUpdater

/** One scope's newest cursor, which only grows, and whether it is still to be told. */
internal class ScopeCursor(val scope: String, initial: ULong) {
    @Volatile
    private var bits: Long = initial.toLong()

    /** 1 while it waits to be told. */
    @Volatile
    private var waits: Int = 0

    /** When it may be told again. Only accessed by the teller, like what follows. */
    var nextAt: Long = Long.MIN_VALUE

    /** What was told last; null if nothing was. */
    var told: ULong? = null

    val value: ULong get() = bits.toULong()

    /** False if it is not ahead of what is known. */
    fun raise(cursor: ULong): Boolean {
        while (true) {
            val known = bits
            if (cursor <= known.toULong()) return false
            if (BITS.compareAndSet(this, known, cursor.toLong())) return true
        }
    }

    /** Has it wait to be told; false if it does already. */
    fun enqueue(): Boolean = WAITS.compareAndSet(this, 0, 1)

    /** What is to be told now; whoever comes later has it wait again. Null if that was told before. */
    fun take(): ULong? {
        waits = 0 // first: a cursor that is raised behind the next line must find it so
        val now = value
        val before = told
        if (before != null && now <= before) return null
        told = now
        return now
    }

    private companion object {
        val BITS: AtomicLongFieldUpdater<ScopeCursor> =
            AtomicLongFieldUpdater.newUpdater(ScopeCursor::class.java, "bits")
        val WAITS: AtomicIntegerFieldUpdater<ScopeCursor> =
            AtomicIntegerFieldUpdater.newUpdater(ScopeCursor::class.java, "waits")
    }
}
