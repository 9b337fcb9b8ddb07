package dev.live.server.topic

import dev.live.protocol.Position
import dev.live.server.dialect.ServerEvent

/**
 * Optional features that a topic declares: history, presence, lossy delivery. One object, so that a topic without
 * features needs one field.
 *
 * Only accessed by the topic's coroutine, unless noted otherwise.
 */
internal class TopicFeatures(name: String, policy: TopicPolicy, runtime: TopicRuntime, onTimer: suspend () -> Unit) {
    private val timer = TopicTimer(runtime.scope, runtime.now, onTimer)

    /** Null without a history. */
    val history: History? = policy.history?.let { History(it, runtime.now) }

    /** Counts messages that subscribers did not receive; null if the topic is lossless. Thread-safe. */
    val drops: DropCounters? = policy.delivery?.let { DropCounters(runtime.counters) }

    private val throttle: Throttle? =
        policy.delivery?.throttle?.let { Throttle(it, policy.delivery.maxKeys, drops!!, timer, runtime.now) }

    /** Null without presence. */
    val presenceTracker: PresenceTracker? =
        policy.presence?.let { PresenceTracker(name, it, runtime.dialects, timer, runtime.now) }

    /** The overflow setting of a lossy topic; null if the topic is lossless. Thread-safe. */
    val lossy: LossyOverflow? = policy.delivery?.overflow

    /** Whether the topic, unused since [idleSince], holds no history and no presence at [time]. Thread-safe. */
    fun isRemovable(idleSince: Long, time: Long): Boolean =
        history?.isRemovable(idleSince, time) != false && presenceTracker?.isEmpty != false

    /** Stores [message] in the history, which sets its offset. */
    fun store(message: PreparedMessage) {
        if (history == null) return
        message.event = ServerEvent.Published(history.append(message.message, message.key), history.epoch)
    }

    /** The position up to which [history] was delivered; excludes messages that a throttle holds back. */
    fun position(history: History): Position =
        if (throttle?.isHolding != true) history.position else Position(history.epoch, throttle.delivered)

    /** Returns the delivered messages after [since]; null if some of them were evicted. */
    fun missed(since: Position): List<History.Entry>? {
        val all = history?.since(since)
        return if (throttle?.isHolding != true) all else all?.filter { it.message.offset!! <= throttle.delivered }
    }

    /** Whether [message] may be delivered now; if not, holds it back. */
    fun admits(message: PreparedMessage): Boolean = throttle?.admits(message) != false

    /** Handles the timer: delivers the held-back messages with [deliver], and sends presence to [subscribers]. */
    fun timerFired(subscribers: SubscriberSet, deliver: (PreparedMessage) -> Unit) {
        timer.fired()
        throttle?.due()?.forEach(deliver)
        presenceTracker?.notify(subscribers)
    }
}
