package dev.live.server.topic

/**
 * The presence of a topic's subscribers: which member each of them is, and who has not been told yet who is there.
 *
 * Only accessed by the topic's fan-out coroutine, but for what is said to be otherwise.
 */
internal class PresenceTracker(
    topic: String,
    settings: PresenceSettings,
    codecs: CodecTable,
    private val alarm: TopicTimer,
    private val now: () -> Long,
) {
    private val presence = Presence(settings)
    private val members = HashMap<Subscriber, Member>()
    private val fresh = LinkedHashSet<Subscriber>()

    private val teller = PresenceNotifier(topic, presence, codecs)

    /** Who is there, as last told. Any thread. */
    val state get() = teller.state

    /** Whether nobody is there. Any thread. */
    val isEmpty: Boolean get() = presence.count == 0

    /** [subscriber] is in, as [member] or as one that only wants to know. */
    fun join(subscriber: Subscriber, member: Member?) {
        fresh += subscriber
        if (member != null && subscriber !in members) {
            members[subscriber] = member
            presence.join(member)
        }
        setAlarm()
    }

    /** [subscriber] is out; [isGone]: because its connection is. */
    fun leave(subscriber: Subscriber, isGone: Boolean) {
        fresh -= subscriber
        val member = members.remove(subscriber) ?: return
        presence.leave(member, isGone, now())
        setAlarm()
    }

    /** Tells [subscribers] what there is to tell by now. */
    fun tell(subscribers: SubscriberSet) {
        val time = now()
        presence.expire(time)
        if ((presence.hasChanged || fresh.isNotEmpty()) && presence.mayTell(time)) {
            val telling = teller.tell(time, hasNew = fresh.isNotEmpty())
            if (telling.toOthers != null) subscribers.deliver(telling.toOthers, fresh)
            if (telling.toNew != null) for (subscriber in fresh) subscriber.offer(telling.toNew)
            fresh.clear()
        }
        setAlarm()
    }

    private fun setAlarm() {
        presence.nextAt(now(), isAwaited = fresh.isNotEmpty())?.let(alarm::setTo)
    }
}
