package dev.live.redis

import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.atomic.AtomicLong

/** Logs one kind of problem once a minute at most, with the number of times that it occurred. Thread-safe. */
internal class RateLimitedLog {
    private val count = AtomicLong()
    private val lastNanos = AtomicLong(Long.MIN_VALUE)

    /** Number of reports, logged or not. */
    val total: Long get() = count.get()

    /** @param sentence receives the number of reports since the start */
    fun warn(sentence: (Long) -> String) {
        val total = count.incrementAndGet()
        val last = lastNanos.get()
        val now = System.nanoTime()
        if (last != Long.MIN_VALUE && now - last < MINUTE) return
        if (lastNanos.compareAndSet(last, now)) log.warn(sentence(total))
    }

    private companion object {
        const val MINUTE = 60_000_000_000L
        val log: Logger = LoggerFactory.getLogger("dev.live.redis")
    }
}
