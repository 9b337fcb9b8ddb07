package dev.live.server.topic

import dev.live.server.broker.PresenceChange
import dev.live.server.broker.PresenceDirectory
import dev.live.server.broker.PresenceMember
import dev.live.server.dialect.DialectTable
import org.slf4j.Logger
import org.slf4j.LoggerFactory

/**
 * The presence of a topic: the members of its subscribers on this node and those of other nodes, and the new
 * subscribers that need the whole list.
 *
 * Only accessed by the topic's actor, unless noted otherwise.
 *
 * @param directory connects the nodes; null for a single node
 */
internal class PresenceTracker(
    private val topic: String,
    settings: PresenceSettings,
    dialects: DialectTable,
    private val directory: PresenceDirectory?,
    private val timer: TopicTimer,
    private val now: () -> Long,
) {
    private val presence = Presence(settings)

    /** The members of this node that are connected. */
    private val members = HashMap<Subscriber, PresenceMember>()
    private val newSubscribers = LinkedHashSet<Subscriber>()

    private val notifier = PresenceNotifier(topic, presence, dialects)

    /** The members as last sent to the subscribers. Thread-safe. */
    val state get() = notifier.state

    /** Whether no member of this node is connected. Thread-safe. */
    @Volatile
    private var isWithoutOwn = true

    /** Whether it can be forgotten: other nodes report their members again. Thread-safe. */
    val isEmpty: Boolean get() = isWithoutOwn && !presence.hasDisconnected

    /** Adds [subscriber] with its [member]; null for one that only receives presence. */
    fun subscribed(subscriber: Subscriber, member: PresenceMember?) {
        newSubscribers += subscriber
        if (member != null && subscriber !in members) {
            members[subscriber] = member
            isWithoutOwn = false
            presence.join(member)
            notifyNodes { it.join(topic, member) }
        }
        scheduleTimer()
    }

    /** Removes [subscriber]; [isConnectionLost] if it may reconnect. */
    fun unsubscribed(subscriber: Subscriber, isConnectionLost: Boolean) {
        newSubscribers -= subscriber
        val member = members.remove(subscriber) ?: return
        isWithoutOwn = members.isEmpty()
        presence.leave(member, isConnectionLost, now())
        notifyNodes { it.leave(topic, member, isConnectionLost) }
        scheduleTimer()
    }

    /** The members of other nodes have changed. */
    fun changed(change: PresenceChange) {
        val time = now()
        for (member in change.joins) presence.join(member)
        for (member in change.leaves) presence.leave(member, isConnectionLost = false, time)
        for (member in change.lost) presence.leave(member, isConnectionLost = true, time, change.lostFor)
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

    /** A broker of the application may fail. The subscriber is a member on this node nevertheless. */
    private inline fun notifyNodes(change: (PresenceDirectory) -> Unit) {
        try {
            directory?.let(change)
        } catch (e: Exception) {
            log.error("The broker failed to share a change of the presence of topic {}.", topic, e)
        }
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.topic")
    }
}
