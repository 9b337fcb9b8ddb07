package dev.live.server.observe.micrometer

import dev.live.protocol.CloseCode
import dev.live.server.broker.BrokerState
import dev.live.server.broker.BrokerStatus
import dev.live.server.observe.HandlerOutcome
import dev.live.server.observe.LiveObserver
import dev.live.server.observe.PublishOutcome
import dev.live.server.observe.RecoveryCause
import dev.live.server.observe.labelOf
import io.micrometer.core.instrument.Counter
import io.micrometer.core.instrument.FunctionCounter
import io.micrometer.core.instrument.Gauge
import io.micrometer.core.instrument.MeterRegistry
import io.micrometer.core.instrument.Tag
import io.micrometer.core.instrument.TimeGauge
import io.micrometer.core.instrument.Timer
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicLong
import kotlin.time.Duration
import kotlin.time.toJavaDuration

/**
 * Publishes the metrics of a server to [registry], each meter with [tags]:
 * ```
 * install(Live) { observe(MicrometerObserver(registry)) }
 * ```
 * Gauges: `live.sessions`, `live.topics` and `live.queue.depth`, the number of messages queued for clients. Counters:
 * `live.messages.in`, `live.bytes.in`, `live.messages.published`, `live.deliveries`, `live.rate.limited`,
 * `live.dropped{policy}`, `live.closes{code}`, `live.recoveries{cause}` and `live.gaps{cause}`. Timers:
 * `live.handler{type,outcome}` and `live.publish{outcome}`.
 *
 * With a broker of the application, also: gauges `live.broker.connected` (1 or 0) and `live.broker.outbox`, counters
 * `live.broker.reconnects` and `live.broker.dropped`, the timer `live.broker.lag`, and the gauge
 * `live.broker.lag.current`, which also grows while nothing arrives. They are registered with the first sample, so that
 * a server without a broker does not report it as disconnected.
 *
 * Clients cannot create tag values: there are no meters per topic or session, and close codes that the protocol does
 * not define count as `other`.
 *
 * Requires `io.micrometer:micrometer-core`, which is not a dependency of live.
 */
public class MicrometerObserver(
    private val registry: MeterRegistry,
    private val tags: Iterable<Tag> = emptyList(),
) : LiveObserver {
    private val sessions = gauge("live.sessions", "open sessions")
    private val topics = gauge("live.topics", "active topics")
    private val queueDepth = gauge("live.queue.depth", "messages queued for clients")
    private val messagesIn = counter("live.messages.in", "messages received from clients")
    private val bytesIn = counter("live.bytes.in", "bytes received from clients", "bytes")
    private val published = counter("live.messages.published", "messages published to topics")
    private val deliveries = counter("live.deliveries", "messages offered to subscribers")
    private val rateLimited = counter("live.rate.limited", "messages that exceeded a rate limit")
    private val publishes = PublishOutcome.entries.map { publishTimer(it) }
    private val recoveries = RecoveryCause.entries.map {
        counter("live.recoveries", "reads of histories that returned missed messages", tag = tagOf(it))
    }
    private val gaps = RecoveryCause.entries.map {
        counter("live.gaps", "gaps reported to subscribers", tag = tagOf(it))
    }
    private val broker by lazy { BrokerMeters() }
    private val lag by lazy { brokerTimer() }
    private val currentLag by lazy { lagGauge() }
    private val dropped = ConcurrentHashMap<String, Counter>()
    private val closes = ConcurrentHashMap<String, Counter>()
    private val handlers = ConcurrentHashMap<String, List<Timer>>()

    override fun sessionOpened(session: String) {
        sessions.incrementAndGet()
    }

    override fun sessionClosed(session: String, code: CloseCode) {
        sessions.decrementAndGet()
        val label = labelOf(code)
        val counter = closes[label] ?: closes.computeIfAbsent(label) {
            counter("live.closes", "sessions that ended", tag = Tag.of("code", it))
        }
        counter.increment()
    }

    override fun topicCreated(topic: String) {
        topics.incrementAndGet()
    }

    override fun topicEnded(topic: String) {
        topics.decrementAndGet()
    }

    override fun messageReceived(bytes: Int) {
        messagesIn.increment()
        bytesIn.increment(bytes.toDouble())
    }

    override fun messagePublished(topic: String, subscribers: Int, bytes: Int) {
        published.increment()
    }

    override fun delivered(topic: String, messages: Int, subscribers: Int, bytes: Int) {
        deliveries.increment(messages.toDouble() * subscribers)
    }

    override fun dropped(policy: String, messages: Int) {
        val counter = dropped[policy] ?: dropped.computeIfAbsent(policy) {
            counter("live.dropped", "messages dropped for clients, by policy", tag = Tag.of("policy", it))
        }
        counter.increment(messages.toDouble())
    }

    override fun queuesSampled(sessions: Int, messages: Long, bytes: Long, deepest: Int) {
        queueDepth.set(messages)
    }

    override fun handled(type: String, duration: Duration, outcome: HandlerOutcome) {
        val timers = handlers[type] ?: handlers.computeIfAbsent(type) { name ->
            HandlerOutcome.entries.map { timer(name, it) }
        }
        timers[outcome.ordinal].record(duration.toJavaDuration())
    }

    override fun rateLimited(session: String) {
        rateLimited.increment()
    }

    override fun publishCompleted(topic: String, duration: Duration, outcome: PublishOutcome) {
        publishes[outcome.ordinal].record(duration.inWholeNanoseconds, TimeUnit.NANOSECONDS)
    }

    override fun recovered(topic: String, messages: Int, cause: RecoveryCause) {
        recoveries[cause.ordinal].increment()
    }

    override fun gapReported(topic: String, subscribers: Int, cause: RecoveryCause) {
        gaps[cause.ordinal].increment(subscribers.toDouble())
    }

    override fun lagMeasured(lag: Duration) {
        this.lag.record(lag.inWholeNanoseconds, TimeUnit.NANOSECONDS)
    }

    override fun lagSampled(lag: Duration) {
        currentLag.set(lag.inWholeNanoseconds)
    }

    override fun brokerSampled(status: BrokerStatus) {
        broker.status = status
    }

    /** The meters of the broker, which read the last sample. */
    private inner class BrokerMeters {
        @Volatile
        var status = BrokerStatus()

        init {
            gauge("live.broker.connected", "1 while the broker is connected, else 0") {
                if (status.state == BrokerState.Connected) 1.0 else 0.0
            }
            gauge("live.broker.outbox", "publications that the broker has not confirmed") { status.outbox.toDouble() }
            counter("live.broker.reconnects", "connections opened after a loss") { status.reconnects.toDouble() }
            counter("live.broker.dropped", "received publications that the broker dropped") {
                status.dropped.toDouble()
            }
        }

        private fun gauge(name: String, description: String, value: () -> Double) {
            Gauge.builder(name, this) { value() }.description(description).tags(tags).register(registry)
        }

        private fun counter(name: String, description: String, value: () -> Double) {
            FunctionCounter.builder(name, this) { value() }.description(description).tags(tags).register(registry)
        }
    }

    private fun gauge(name: String, description: String): AtomicLong {
        val value = AtomicLong()
        Gauge.builder(name, value) { it.toDouble() }.description(description).tags(tags).register(registry)
        return value
    }

    private fun counter(name: String, description: String, unit: String? = null, tag: Tag? = null): Counter =
        Counter.builder(name)
            .description(description)
            .baseUnit(unit)
            .tags(tags + listOfNotNull(tag))
            .register(registry)

    private fun publishTimer(outcome: PublishOutcome): Timer =
        Timer.builder("live.publish")
            .description("time until the broker has confirmed or failed a publication")
            .tags(tags + Tag.of("outcome", outcome.name.lowercase()))
            .register(registry)

    private fun brokerTimer(): Timer =
        Timer.builder("live.broker.lag")
            .description("time from a test publication to its delivery on the same node")
            .tags(tags)
            .register(registry)

    private fun lagGauge(): AtomicLong {
        val nanoseconds = AtomicLong()
        TimeGauge.builder("live.broker.lag.current", nanoseconds, TimeUnit.NANOSECONDS) { it.toDouble() }
            .description("the last lag, or the time since when no test publication has arrived")
            .tags(tags)
            .register(registry)
        return nanoseconds
    }

    private fun timer(type: String, outcome: HandlerOutcome): Timer =
        Timer.builder("live.handler")
            .description("time to handle a client's message")
            .tags(tags + Tag.of("type", type) + Tag.of("outcome", outcome.name.lowercase()))
            .register(registry)

    private fun tagOf(cause: RecoveryCause) = Tag.of("cause", cause.name.lowercase())
}
