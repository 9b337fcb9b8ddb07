package dev.live.fuzz

import ch.qos.logback.classic.spi.ILoggingEvent
import ch.qos.logback.classic.spi.ThrowableProxy
import ch.qos.logback.core.AppenderBase
import java.util.concurrent.atomic.AtomicReference

/** Keeps the first logged error. live logs an error only for its own failures, and no input may cause one. */
internal class ErrorLog : AppenderBase<ILoggingEvent>() {
    override fun append(event: ILoggingEvent) {
        val cause = (event.throwableProxy as? ThrowableProxy)?.throwable
        first.compareAndSet(null, AssertionError("error logged: ${event.formattedMessage}", cause))
    }

    companion object {
        private val first = AtomicReference<AssertionError?>()

        /** @throws AssertionError if an error was logged since the last call */
        fun check() {
            first.getAndSet(null)?.let { throw it }
        }
    }
}
