package dev.live.server.session

import dev.live.server.topic.TopicRegistry
import kotlinx.coroutines.delay
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import kotlin.time.Duration

/**
 * Checks every session and topic once per [period]: heartbeats, stalled writes, token expiry and unused topics.
 *
 * One coroutine for all of them instead of a timer each; a timeout is noticed up to [period] late.
 *
 * @param onSample called once per [period] if there are observers
 */
internal class Sweeper(
    private val sessions: SessionRegistry,
    private val topics: TopicRegistry,
    private val period: Duration,
    private val onSample: () -> Unit = {},
    private val now: () -> Long,
) {
    suspend fun run(): Nothing {
        while (true) {
            delay(period)
            val time = now()
            for (session in sessions.all) sweep(session, time)
            topics.sweep()
            if (topics.counters.isObserved) sample()
        }
    }

    private fun sweep(session: Session<*>, time: Long) {
        try {
            session.state.sweep(time)
        } catch (e: Exception) {
            // a failure in one session must not stop the checks of the others
            log.error("Failed to check the timeouts of session {}.", session.id, e)
        }
    }

    private fun sample() {
        var count = 0
        var messages = 0L
        var bytes = 0L
        var deepest = 0
        for (session in sessions.all) {
            val queue = session.state.queue
            val waiting = queue.count
            count++
            messages += waiting
            bytes += queue.bytes
            deepest = maxOf(deepest, waiting)
        }
        topics.counters.queuesSampled(count, messages, bytes, deepest)
        onSample()
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.session")
    }
}
