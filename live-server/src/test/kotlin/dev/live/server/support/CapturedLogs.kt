package dev.live.server.support

import ch.qos.logback.classic.Level
import ch.qos.logback.classic.Logger
import ch.qos.logback.classic.spi.ILoggingEvent
import ch.qos.logback.core.AppenderBase
import org.slf4j.LoggerFactory
import java.util.concurrent.ConcurrentLinkedQueue

/** Captures log events above DEBUG from construction to [close], including those of Ktor's loggers. */
internal class CapturedLogs(name: String = org.slf4j.Logger.ROOT_LOGGER_NAME) : AutoCloseable {
    private val logger = LoggerFactory.getLogger(name) as Logger
    private val level: Level? = logger.level
    private val events = ConcurrentLinkedQueue<ILoggingEvent>()
    private val appender =
        object : AppenderBase<ILoggingEvent>() {
            override fun append(event: ILoggingEvent) {
                events += event
            }
        }

    init {
        appender.start()
        logger.addAppender(appender)
        logger.level = Level.INFO
    }

    val messages: List<String> get() = events.map { it.formattedMessage }

    /** Each event as level, logger, message and exception class. */
    val lines: List<String>
        get() = events.map {
            "${it.level} ${it.loggerName} ${it.formattedMessage} ${it.throwableProxy?.className.orEmpty()}"
        }

    override fun close() {
        logger.level = level
        logger.detachAppender(appender)
    }
}
