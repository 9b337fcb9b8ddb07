package dev.live.server.observe

import dev.live.protocol.CloseCode
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.LongAdder
import kotlin.time.Duration

/**
 * Counts what a server does, and tells its [observer]. Every function may be called from any thread, returns at once and
 * throws nothing.
 */
internal class ServerCounters(observer: LiveObserver? = null) {
    /** Null where there is none: then being told costs a look at this. */
    private val observers: Array<Observed>? = observer?.let { leaves(it).map(::Observed).toTypedArray() }

    private val messagesIn = LongAdder()
    private val bytesIn = LongAdder()
    private val published = LongAdder()
    private val deliveries = LongAdder()
    private val deliveredBytes = LongAdder()
    private val sent = LongAdder()
    private val sentBytes = LongAdder()
    private val rateLimited = LongAdder()
    private val drops = ConcurrentHashMap<String, LongAdder>()
    private val closes = ConcurrentHashMap<String, LongAdder>()

    /** Whether it is worth finding out what only an observer is told. */
    val isObserved: Boolean get() = observers != null

    fun sessionOpened(session: String) = tell { it.sessionOpened(session) }

    fun sessionClosed(session: String, code: CloseCode) {
        closes.counter(labelOf(code)).increment()
        tell { it.sessionClosed(session, code) }
    }

    fun topicCreated(topic: String) = tell { it.topicCreated(topic) }

    fun topicEnded(topic: String) = tell { it.topicEnded(topic) }

    fun received(bytes: Int) {
        messagesIn.increment()
        bytesIn.add(bytes.toLong())
        tell { it.messageReceived(bytes) }
    }

    fun published(topic: String, subscribers: Int, bytes: Int) {
        published.increment()
        tell { it.messagePublished(topic, subscribers, bytes) }
    }

    /** [messages] with [bytes] of payload are on their way to each of [subscribers]: once for all of them. */
    fun delivering(topic: String, messages: Int, subscribers: Int, bytes: Int) {
        if (subscribers == 0) return
        deliveries.add(messages.toLong() * subscribers)
        deliveredBytes.add(bytes.toLong() * subscribers)
        tell { it.delivered(topic, messages, subscribers, bytes) }
    }

    /** Messages with [bytes] of payload are on their way to single sessions. */
    fun sent(messages: Int, bytes: Int) {
        sent.add(messages.toLong())
        sentBytes.add(messages.toLong() * bytes)
    }

    fun dropped(policy: String, messages: Int) {
        drops.counter(policy).add(messages.toLong())
        tell { it.dropped(policy, messages) }
    }

    fun queuesSampled(sessions: Int, messages: Long, bytes: Long, deepest: Int) =
        tell { it.queuesSampled(sessions, messages, bytes, deepest) }

    fun handled(what: String, duration: Duration, outcome: HandlerOutcome) =
        tell { it.handled(what, duration, outcome) }

    fun rateLimited(session: String) {
        rateLimited.increment()
        tell { it.rateLimited(session) }
    }

    fun snapshot(
        connections: Int,
        sessions: Int,
        topics: Int,
        transports: Map<String, Int> = emptyMap(),
    ): LiveStats {
        val delivered = deliveries.sum()
        return LiveStats(
            connections,
            sessions,
            topics,
            messagesIn.sum(),
            bytesIn.sum(),
            published.sum(),
            delivered,
            messagesOut = delivered + sent.sum(),
            bytesOut = deliveredBytes.sum() + sentBytes.sum(),
            rateLimited.sum(),
            drops.mapValues { it.value.sum() },
            closes.mapValues { it.value.sum() },
            transports,
        )
    }

    private inline fun tell(what: (LiveObserver) -> Unit) {
        val observers = observers ?: return
        for (observed in observers) {
            try {
                what(observed.observer)
            } catch (e: Throwable) {
                observed.failed(e) // whatever it is: the server has nothing to do with it
            }
        }
    }

    /** An observer, and whether it has failed before. */
    private class Observed(val observer: LiveObserver) {
        @Volatile
        private var hasFailed = false

        fun failed(cause: Throwable) {
            if (hasFailed) return
            hasFailed = true
            log.error("{} failed and is told on; what else it throws is not logged.", observer.javaClass.name, cause)
        }
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.observe")

        /** So that one that throws does not keep others from being told. */
        fun leaves(observer: LiveObserver): List<LiveObserver> =
            if (observer is ObserverPair) leaves(observer.first) + leaves(observer.second) else listOf(observer)

        fun ConcurrentHashMap<String, LongAdder>.counter(name: String): LongAdder =
            this[name] ?: computeIfAbsent(name) { LongAdder() }
    }
}

/** What [code] is counted as: clients may make codes up, and what they make up is not kept. */
internal fun labelOf(code: CloseCode): String = if (code in CloseCode.All) code.toString() else "other"
