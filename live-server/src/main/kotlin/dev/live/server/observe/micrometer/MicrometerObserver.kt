package dev.live.server.observe.micrometer

import dev.live.protocol.CloseCode
import dev.live.server.observe.HandlerOutcome
import dev.live.server.observe.LiveObserver
import dev.live.server.observe.labelOf
import io.micrometer.core.instrument.Counter
import io.micrometer.core.instrument.Gauge
import io.micrometer.core.instrument.MeterRegistry
import io.micrometer.core.instrument.Tag
import io.micrometer.core.instrument.Timer
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicLong
import kotlin.time.Duration
import kotlin.time.toJavaDuration

/**
 * Keeps the meters of a server in [registry], each with [tags]:
 * ```
 * install(Live) { observe(MicrometerObserver(registry)) }
 * ```
 * `live.sessions` and `live.topics` are gauges, as is `live.queue.depth`, the messages that wait for clients;
 * `live.messages.in`, `live.bytes.in`, `live.messages.published`, `live.deliveries`, `live.rate.limited`,
 * `live.dropped{policy}` and `live.closes{code}` are counters, and `live.handler{type,outcome}` is a timer.
 *
 * No tag has a value that a client can choose: neither topics nor sessions have meters of their own, and close codes that
 * are not the protocol's count as `other`.
 *
 * Needs `io.micrometer:micrometer-core`, which live does not bring.
 */
public class MicrometerObserver(
    private val registry: MeterRegistry,
    private val tags: Iterable<Tag> = emptyList(),
) : LiveObserver {
    private val sessions = gauge("live.sessions", "open sessions")
    private val topics = gauge("live.topics", "topics in use")
    private val waiting = gauge("live.queue.depth", "messages that wait for clients")
    private val messagesIn = counter("live.messages.in", "messages that clients sent")
    private val bytesIn = counter("live.bytes.in", "what clients sent", "bytes")
    private val published = counter("live.messages.published", "messages published to topics")
    private val deliveries = counter("live.deliveries", "messages offered to subscribers")
    private val rateLimited = counter("live.rate.limited", "messages over a client's rate")
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
            counter("live.dropped", "messages that clients did not get, by why", tag = Tag.of("policy", it))
        }
        counter.increment(messages.toDouble())
    }

    override fun queuesSampled(sessions: Int, messages: Long, bytes: Long, deepest: Int) {
        waiting.set(messages)
    }

    override fun handled(what: String, duration: Duration, outcome: HandlerOutcome) {
        val timers = handlers[what] ?: handlers.computeIfAbsent(what) { type ->
            HandlerOutcome.entries.map { timer(type, it) }
        }
        timers[outcome.ordinal].record(duration.toJavaDuration())
    }

    override fun rateLimited(session: String) {
        rateLimited.increment()
    }

    private fun gauge(name: String, what: String): AtomicLong {
        val value = AtomicLong()
        Gauge.builder(name, value) { it.toDouble() }.description(what).tags(tags).register(registry)
        return value
    }

    private fun counter(name: String, what: String, unit: String? = null, tag: Tag? = null): Counter =
        Counter.builder(name).description(what).baseUnit(unit).tags(tags + listOfNotNull(tag)).register(registry)

    private fun timer(type: String, outcome: HandlerOutcome): Timer =
        Timer.builder("live.handler")
            .description("time to handle a client's message")
            .tags(tags + Tag.of("type", type) + Tag.of("outcome", outcome.name.lowercase()))
            .register(registry)
}
