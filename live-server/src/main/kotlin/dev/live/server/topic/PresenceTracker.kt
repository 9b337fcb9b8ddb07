package dev.live.server.topic

import dev.live.server.dialect.DialectTable

/**
 * The presence of a topic's subscribers: the member of each, and the new subscribers that need the whole list.
 *
 * Only accessed by the topic's actor, unless noted otherwise.
 */
internal class PresenceTracker(
    topic: String,
    settings: PresenceSettings,
    dialects: DialectTable,
    private val timer: TopicTimer,
    private val now: () -> Long,
) {
    private val presence = Presence(settings)
    private val members = HashMap<Subscriber, Member>()
    private val newSubscribers = LinkedHashSet<Subscriber>()

    private val notifier = PresenceNotifier(topic, presence, dialects)

    /** The members as last sent to the subscribers. Thread-safe. */
    val state get() = notifier.state

    /** Whether no member is present. Thread-safe. */
    val isEmpty: Boolean get() = presence.count == 0

    /** Adds [subscriber] with its [member]; null for one that only receives presence. */
    fun subscribed(subscriber: Subscriber, member: Member?) {
        newSubscribers += subscriber
        if (member != null && subscriber !in members) {
            members[subscriber] = member
            presence.join(member)
        }
        scheduleTimer()
    }

    /** Removes [subscriber]; [isConnectionLost] if it may reconnect. */
    fun unsubscribed(subscriber: Subscriber, isConnectionLost: Boolean) {
        newSubscribers -= subscriber
        val member = members.remove(subscriber) ?: return
        presence.leave(member, isConnectionLost, now())
        scheduleTimer()
    }

    /** Sends [subscribers] the presence messages that are due. */
    fun notify(subscribers: SubscriberSet) {
        val time = now()
        presence.expire(time)
        if ((presence.hasChanged || newSubscribers.isNotEmpty()) && presence.canNotify(time)) {
            val notification = notifier.nextNotification(time, hasNew = newSubscribers.isNotEmpty())
            if (notification.forOthers != null) subscribers.deliver(notification.forOthers, newSubscribers)
            if (notification.forNew != null) for (subscriber in newSubscribers) subscriber.offer(notification.forNew)
            newSubscribers.clear()
        }
        scheduleTimer()
    }

    private fun scheduleTimer() {
        presence.nextAt(now(), isAwaited = newSubscribers.isNotEmpty())?.let(timer::schedule)
    }
}
