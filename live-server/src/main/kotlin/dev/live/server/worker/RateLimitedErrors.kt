package dev.live.server.worker

import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.atomic.AtomicLong

/** Logs failures that may occur for every message or millisecond: the first one, then at most one a minute. */
internal class RateLimitedErrors(private val message: String, private val now: () -> Long = System::nanoTime) {
    private val nextNanos = AtomicLong(now())

    fun log(cause: Throwable) {
        val next = nextNanos.get()
        val time = now()
        if (time - next < 0 || !nextNanos.compareAndSet(next, time + MINUTE)) return
        log.error("$message Further failures are logged at most once a minute.", cause)
    }

    private companion object {
        const val MINUTE = 60_000_000_000L
        val log: Logger = LoggerFactory.getLogger("dev.live.server.worker")
    }
}
