package dev.live.server.topic

import dev.live.protocol.Position

/**
 * What a topic does beyond delivering everything to everybody: only where it declares that. One object, so that a topic
 * that declares nothing carries one field.
 *
 * Only accessed by the topic's fan-out coroutine, but for what is said to be otherwise.
 */
internal class TopicFeatures(name: String, policy: TopicPolicy, runtime: TopicRuntime, ring: suspend () -> Unit) {
    private val alarm = TopicTimer(runtime.scope, runtime.now, ring)

    /** What is kept, or null. */
    val history: History? = policy.history?.let { History(it, runtime.now) }

    /** What subscribers did not get, or null if they get everything. Any thread. */
    val drops: DropCounters? = policy.delivery?.let { DropCounters(runtime.counters) }

    private val throttle: Throttle? =
        policy.delivery?.throttle?.let { Throttle(it, policy.delivery.maxKeys, drops!!, alarm, runtime.now) }

    /** Who is there, or null if nobody is to know. */
    val presenceTracker: PresenceTracker? =
        policy.presence?.let { PresenceTracker(name, it, runtime.codecs, alarm, runtime.now) }

    /** How it delivers where that is not everything. Any thread. */
    val lossy: LossyOverflow? = policy.delivery?.overflow

    /** Whether nothing is kept and nobody is there, at [time] and unused since [idleSince]. Any thread. */
    fun isForgettable(idleSince: Long, time: Long): Boolean =
        history?.isForgettable(idleSince, time) != false && presenceTracker?.isEmpty != false

    /** Keeps [message], which then says where it stands. */
    fun keep(message: PreparedMessage) {
        if (history != null) message.message = history.append(message.message, message.key)
    }

    /** Up to where the history is delivered: not further than to what a throttle holds back, which comes yet. */
    fun position(history: History): Position =
        if (throttle?.isHolding != true) history.position else Position(history.epoch, throttle.delivered)

    /** What came after [since] and has been delivered; null if not all of it is here any more. */
    fun missed(since: Position): List<History.Entry>? {
        val all = history?.since(since)
        return if (throttle?.isHolding != true) all else all?.filter { it.message.offset!! <= throttle.delivered }
    }

    /** Whether [message] may be delivered now; otherwise it is held back. */
    fun admits(message: PreparedMessage): Boolean = throttle?.admits(message) != false

    /** The alarm rang: tells [subscribers] who is there, and has what was held back [deliver]ed. */
    fun rang(subscribers: SubscriberSet, deliver: (PreparedMessage) -> Unit) {
        alarm.rang()
        throttle?.due()?.forEach(deliver)
        presenceTracker?.tell(subscribers)
    }
}
