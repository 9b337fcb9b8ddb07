package dev.live.server.topic

import dev.live.protocol.Position
import dev.live.server.broker.StoredHistory

/**
 * Optional features that a topic declares: history, presence, lossy delivery. One object, so that a topic without
 * features needs one field.
 *
 * Only accessed by the topic's actor, unless noted otherwise.
 */
internal class TopicFeatures(
    name: String,
    val policy: TopicPolicy,
    runtime: TopicRuntime,
    onTimer: suspend () -> Unit,
    onRepaired: suspend (StoredHistory) -> Unit,
) {
    private val timer = TopicTimer(runtime.scope, runtime.now, onTimer)

    /** Null without a history. */
    val history: TopicHistory? = policy.history?.let { TopicHistory(name, it, runtime, timer, onRepaired) }

    /** Counts messages that subscribers did not receive; null if the topic is lossless. Thread-safe. */
    val drops: DropCounters? = policy.delivery?.let { DropCounters(runtime.counters) }

    private val throttle: Throttle? =
        policy.delivery?.throttle?.let { Throttle(it, policy.delivery.maxKeys, drops!!, timer, runtime.now) }

    /** Null without presence. */
    val presenceTracker: PresenceTracker? =
        policy.presence?.let { settings ->
            PresenceTracker(name, settings, runtime.dialects, runtime.broker.presence, timer, runtime.now)
        }

    /** The overflow setting of a lossy topic; null if the topic is lossless. Thread-safe. */
    val lossy: LossyOverflow? = policy.delivery?.overflow

    /** Whether the topic holds no state but its settings: no presence of this node. Thread-safe. */
    val isRemovable: Boolean get() = presenceTracker?.isEmpty != false

    /** The position after which a throttle holds messages back; null if it holds none. Thread-safe. */
    val throttledAt: Position?
        get() = if (throttle?.isHolding != true) null else newest?.let { Position(it.epoch, throttle.delivered) }

    /** The position up to which messages were delivered; null if unknown. */
    val delivered: Position? get() = throttledAt ?: newest

    private val newest: Position? get() = history?.order?.position

    /** Whether [message] may be delivered now; if not, holds it back. */
    fun admits(message: PreparedMessage): Boolean = throttle?.admits(message) != false

    /** The broker delivers the publications after [start]. */
    fun opened(start: Position) {
        val current = history?.order?.position
        val isAhead = current != null && current.epoch == start.epoch && current.offset >= start.offset
        if (!isAhead) skipTo(start)
    }

    /** Continues after [next]: messages may be missing before it. */
    fun skipTo(next: Position) {
        throttle?.skipTo(next.offset)
        history?.skipTo(next)
    }

    /** Handles the timer: delivers the held-back messages with [deliver], and sends presence to [subscribers]. */
    fun timerFired(subscribers: SubscriberSet, deliver: (PreparedMessage) -> Unit) {
        timer.fired()
        throttle?.due()?.forEach(deliver)
        history?.checkHole()
        presenceTracker?.notify(subscribers)
    }
}
