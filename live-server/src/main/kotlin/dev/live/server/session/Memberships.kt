package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.server.topic.TopicActor
import dev.live.server.topic.Joining
import dev.live.server.topic.LossyOverflow
import dev.live.server.topic.Member
import dev.live.server.topic.MessageBatch
import dev.live.server.topic.PreparedMessage
import dev.live.server.topic.Subscriber
import dev.live.server.topic.ActiveTopic
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.withContext
import java.util.concurrent.ConcurrentHashMap

/**
 * The topics one session has joined.
 *
 * Changed by one at a time: see [SuspendingLock].
 */
internal class Memberships(private val session: Session<*>, private val runtime: SessionRuntime) {
    private val joined = ConcurrentHashMap<String, Membership>()

    val names: Set<String> get() = HashSet(joined.keys) // not toSet(): see SessionRegistry

    val count: Int get() = joined.size

    operator fun get(topic: String): Membership? = joined[topic]

    /**
     * Joins [topic]; [ack] is the first the client gets of it, and then what it has missed [since]. Suspends while that
     * is more than there is room for. [attachment] is for the caller to find again.
     *
     * @throws dev.live.protocol.BadPayloadException if nobody can have [since]
     */
    suspend fun join(topic: String, attachment: Any, ack: Message, since: Position? = null, member: Member? = null) {
        val membership = membership(runtime.topics.retain(topic), attachment)
        joined[topic] = membership
        orDropped(topic, membership) {
            val joining = membership.hub.join(membership, ack, since, member = member)
            if (joining is Joining.Behind) catchUpOrClose(membership, joining, member)
        }
    }

    /**
     * Acks a `subscribe` to [topic], which is joined, with what a topic says of itself: where its history stands and what
     * came [since], and who is there. False if the topic says nothing and its ack is any other.
     *
     * @throws dev.live.protocol.BadPayloadException if nobody can have [since]
     */
    suspend fun joinAgain(topic: String, ack: Message, since: Position?): Boolean {
        val membership = joined[topic]?.takeIf { it.hub.isDescribed } ?: return false
        val joining = membership.hub.join(membership, ack, since)
        if (joining is Joining.Behind) {
            orDropped(topic, membership) { catchUpOrClose(membership, joining, member = null) }
        }
        return true
    }

    private fun membership(hub: ActiveTopic, attachment: Any): Membership {
        val lossy = hub.lossy
        val drops = hub.drops
        if (lossy == null || drops == null) return Membership(session, hub, attachment)
        return LossyMembership(session, hub, attachment, lossy, LossyQueue.Part(drops))
    }

    /** [catchUp]; a client that was promised all that it missed must not be left without a word if that fails. */
    private suspend fun catchUpOrClose(membership: Membership, first: Joining.Behind, member: Member?) {
        var isDone = false
        try {
            catchUp(membership, first, member)
            isDone = true
        } finally {
            if (!isDone) session.close(CloseCode.SlowConsumer, "what it had missed took longer than a handler may")
        }
    }

    /**
     * Sends what the client has missed at the pace at which it reads, in front of what comes meanwhile, until that is
     * little enough to be offered at once.
     */
    private suspend fun catchUp(membership: Membership, first: Joining.Behind, member: Member?) {
        val queue = session.state.queue
        val room = minOf(TopicActor.MAX_RUN, runtime.settings.queueBound.messages / 2)
        var behind = first
        while (true) {
            val messages = listOfNotNull(behind.ack) + behind.messages
            if (!messages.all { queue.send(session.prepare(it)) } || !queue.awaitRoom()) return
            when (val next = membership.hub.join(membership, ack = null, behind.position, room, member)) {
                is Joining.Behind -> behind = next
                Joining.In -> return
                // it was promised that nothing is missing
                Joining.HistoryEvicted -> return session.close(CloseCode.SlowConsumer, "the history went past it")
            }
        }
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
internal open class Membership(val owner: Session<*>, val hub: ActiveTopic, val attachment: Any) : Subscriber(owner.id) {
    private val state = owner.state
    protected val queue: SessionQueue = state.queue

    // as SessionState.deliver, but without a look at the state, which a fan-out to thousands would have to fetch
    override fun offer(message: PreparedMessage): Boolean {
        val offer = queue.offer(message)
        return if (offer == Offer.Full) offerToFull(message) else offer == Offer.Taken
    }

    private fun offerToFull(message: PreparedMessage): Boolean {
        val isTaken = state.deliverToFull(message, isAnswer = message.isAnswer)
        if (isTaken) hub.turns.add(this)
        return isTaken
    }

    override suspend fun awaitWriter() = state.awaitWriter()

    override fun offer(run: MessageBatch): Boolean = queue.offer(run) == Offer.Taken
}

/** A place in a topic of which not everything has to arrive. */
internal class LossyMembership(
    owner: Session<*>,
    hub: ActiveTopic,
    attachment: Any,
    private val overflow: LossyOverflow,
    private val part: LossyQueue.Part,
) : Membership(owner, hub, attachment) {
    override fun offer(message: PreparedMessage): Boolean {
        if (!message.isPublished) return super.offer(message)
        val key = if (overflow is LossyOverflow.Conflate) message.key.orEmpty() else message
        return queue.keep(part, key, message, overflow.limit)
    }

    override fun lastWord(message: PreparedMessage) {
        queue.forget(part)
        super.lastWord(message)
    }

    override fun offer(run: MessageBatch): Boolean = false // each may replace another
}
