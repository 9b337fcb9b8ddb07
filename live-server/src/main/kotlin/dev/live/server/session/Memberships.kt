package dev.live.server.session

import dev.live.protocol.Message
import dev.live.server.topic.MessageRun
import dev.live.server.topic.PreparedMessage
import dev.live.server.topic.Subscriber
import dev.live.server.topic.TopicHub
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.withContext
import java.util.concurrent.ConcurrentHashMap

/**
 * The topics one session has joined.
 *
 * Changed by one at a time: see [MembershipTurn].
 */
internal class Memberships(private val session: Session<*>, private val runtime: SessionRuntime) {
    private val joined = ConcurrentHashMap<String, Membership>()

    val names: Set<String> get() = HashSet(joined.keys) // not toSet(): see SessionRegistry

    val count: Int get() = joined.size

    operator fun get(topic: String): Membership? = joined[topic]

    /** Joins [topic]; [ack] is the first the client gets of it. [attachment] is for the caller to find again. */
    suspend fun join(topic: String, attachment: Any, ack: Message) {
        val membership = Membership(session, runtime.topics.retain(topic), attachment)
        joined[topic] = membership
        orDropped(topic, membership) { membership.hub.join(membership, ack) }
    }

    /** Leaves [topic]; [ack] is the last the client gets of it. False if it was not joined: then there is no ack. */
    suspend fun leave(topic: String, ack: Message): Boolean {
        val membership = joined[topic] ?: return false
        orDropped(topic, membership) { membership.hub.leave(membership, ack) }
        joined.remove(topic)
        runtime.topics.release(topic)
        return true
    }

    /**
     * Runs [change]; if it fails or runs out of its handler's time half-way, the session is out of [topic] for certain.
     * Otherwise it could be taken for a member that it is not, and be acked without ever getting a message.
     */
    private suspend inline fun orDropped(topic: String, membership: Membership, change: () -> Unit) {
        var isDone = false
        try {
            change()
            isDone = true
        } finally {
            if (!isDone) {
                withContext(NonCancellable) {
                    membership.hub.leave(membership)
                    joined.remove(topic)
                    runtime.topics.release(topic)
                }
            }
        }
    }

    /** Leaves everything in silence, at the session's end. */
    suspend fun leaveAll() {
        for ((topic, membership) in joined) {
            membership.hub.leave(membership)
            runtime.topics.release(topic)
        }
        joined.clear()
    }
}

/** One session's place in one topic. */
internal class Membership(val owner: Session<*>, val hub: TopicHub, val attachment: Any) : Subscriber(owner.id) {
    private val state = owner.state
    private val queue = state.queue

    // as SessionState.deliver, but without a look at the state, which a fan-out to thousands would have to fetch
    override fun offer(message: PreparedMessage): Boolean {
        val offer = queue.offer(message)
        if (offer == Offer.Full) state.overflowed()
        return offer == Offer.Taken
    }

    override fun offer(run: MessageRun): Boolean = queue.offer(run) == Offer.Taken
}
