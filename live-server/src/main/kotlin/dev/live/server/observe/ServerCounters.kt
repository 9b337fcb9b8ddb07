package dev.live.server.observe

import dev.live.protocol.CloseCode
import dev.live.server.broker.BrokerStatus
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.LongAdder
import kotlin.time.Duration

/**
 * Counts server events and notifies the observers. Every function may be called from any thread, returns at once and
 * never throws.
 */
internal class ServerCounters(observer: LiveObserver? = null) {
    /** Null without observers: an event then only costs a null check. */
    private val observers: Array<GuardedObserver>? =
        observer?.let { partsOf(it).map(::GuardedObserver).toTypedArray() }

    private val messagesIn = LongAdder()
    private val bytesIn = LongAdder()
    private val published = LongAdder()
    private val deliveries = LongAdder()
    private val deliveredBytes = LongAdder()
    private val sent = LongAdder()
    private val sentBytes = LongAdder()
    private val rateLimited = LongAdder()
    private val recoveries = LongAdder()
    private val gaps = LongAdder()
    private val drops = ConcurrentHashMap<String, LongAdder>()
    private val closes = ConcurrentHashMap<String, LongAdder>()

    /** Whether there are observers. Values that only observers need are not computed otherwise. */
    val isObserved: Boolean get() = observers != null

    fun sessionOpened(session: String) = notify { it.sessionOpened(session) }

    fun sessionClosed(session: String, code: CloseCode) {
        closes.counter(labelOf(code)).increment()
        notify { it.sessionClosed(session, code) }
    }

    fun topicCreated(topic: String) = notify { it.topicCreated(topic) }

    fun topicEnded(topic: String) = notify { it.topicEnded(topic) }

    fun received(bytes: Int) {
        messagesIn.increment()
        bytesIn.add(bytes.toLong())
        notify { it.messageReceived(bytes) }
    }

    fun published(topic: String, subscribers: Int, bytes: Int) {
        published.increment()
        notify { it.messagePublished(topic, subscribers, bytes) }
    }

    /** Called once before [messages] with [bytes] of payload are offered to each of [subscribers]. */
    fun delivering(topic: String, messages: Int, subscribers: Int, bytes: Int) {
        if (subscribers == 0) return
        deliveries.add(messages.toLong() * subscribers)
        deliveredBytes.add(bytes.toLong() * subscribers)
        notify { it.delivered(topic, messages, subscribers, bytes) }
    }

    /** [messages] with [bytes] of payload each are sent to single sessions. */
    fun sent(messages: Int, bytes: Int) {
        sent.add(messages.toLong())
        sentBytes.add(messages.toLong() * bytes)
    }

    fun dropped(policy: String, messages: Int) {
        drops.counter(policy).add(messages.toLong())
        notify { it.dropped(policy, messages) }
    }

    fun queuesSampled(sessions: Int, messages: Long, bytes: Long, deepest: Int) =
        notify { it.queuesSampled(sessions, messages, bytes, deepest) }

    fun handled(type: String, duration: Duration, outcome: HandlerOutcome) =
        notify { it.handled(type, duration, outcome) }

    fun rateLimited(session: String) {
        rateLimited.increment()
        notify { it.rateLimited(session) }
    }

    /** Only called if [isObserved]. */
    fun publishCompleted(topic: String, duration: Duration, outcome: PublishOutcome) =
        notify { it.publishCompleted(topic, duration, outcome) }

    fun recovered(topic: String, messages: Int, cause: RecoveryCause) {
        if (messages == 0) return
        recoveries.increment()
        notify { it.recovered(topic, messages, cause) }
    }

    fun gapReported(topic: String, subscribers: Int, cause: RecoveryCause) {
        if (subscribers == 0) return
        gaps.add(subscribers.toLong())
        notify { it.gapReported(topic, subscribers, cause) }
    }

    fun lagMeasured(lag: Duration) = notify { it.lagMeasured(lag) }

    fun lagSampled(lag: Duration) = notify { it.lagSampled(lag) }

    fun brokerSampled(status: BrokerStatus) = notify { it.brokerSampled(status) }

    fun snapshot(
        connections: Int,
        sessions: Int,
        topics: Int,
        transports: Map<String, Int> = emptyMap(),
        broker: BrokerStatus? = null,
        lag: Duration? = null,
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
            recoveries.sum(),
            gaps.sum(),
            broker,
            lag,
        )
    }

    private inline fun notify(event: (LiveObserver) -> Unit) {
        val observers = observers ?: return
        for (guarded in observers) {
            try {
                event(guarded.observer)
            } catch (e: Throwable) {
                guarded.failed(e) // a failed observer must never affect the server
            }
        }
    }

    /** An observer whose first failure is logged. */
    private class GuardedObserver(val observer: LiveObserver) {
        @Volatile
        private var hasFailed = false

        fun failed(cause: Throwable) {
            if (hasFailed) return
            hasFailed = true
            log.error("The observer {} failed. Its further failures are not logged.", observer.javaClass.name, cause)
        }
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.observe")

        /**
         * The single observers in [observer]. They are notified separately, so that one failure does not skip others.
         */
        fun partsOf(observer: LiveObserver): List<LiveObserver> =
            if (observer is ObserverPair) partsOf(observer.first) + partsOf(observer.second) else listOf(observer)

        fun ConcurrentHashMap<String, LongAdder>.counter(name: String): LongAdder =
            this[name] ?: computeIfAbsent(name) { LongAdder() }
    }
}

/** The counter name for [code]. Clients may send any code, so codes that the protocol does not define are combined. */
internal fun labelOf(code: CloseCode): String = if (code in CloseCode.All) code.toString() else "other"
