package dev.live.redis

import dev.live.server.broker.HistoryBounds
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.channels.Channel
import kotlin.time.TimeSource

/** A topic that this node uses. Its state is guarded by the [Interests]. */
internal class Interest(val topic: String) {
    var history: HistoryBounds? = null

    /** Since when it is not used; null while it is. */
    var idleSince: TimeSource.Monotonic.ValueTimeMark? = null

    /** The server of its channel; null while that is unknown. */
    var group: InterestGroup? = null

    /** The connection that is subscribed to its channel; null for none. */
    var subscribedOn: Channels? = null

    /** Whether it was subscribed to at any time: a later subscription has missed publications. */
    var wasSubscribed = false

    /** Completed with the next subscription; null if nobody waits. */
    var subscribed: CompletableDeferred<Unit>? = null

    /** Leaves its group. Returns the group if it has subscribed to the channel. */
    fun detach(): InterestGroup? {
        val former = group.takeIf { subscribedOn != null }
        group?.remove(this)
        group = null
        subscribedOn = null
        return former
    }
}

/** The interests whose channels belong to one server. Its state is guarded by the [Interests]. */
internal class InterestGroup(val links: ServerLinks) {
    /** Interests without a subscription, to subscribe next. */
    val added = LinkedHashSet<Interest>()

    /** Interests that are not used, the one idle for the longest time first. */
    val idle = LinkedHashSet<Interest>()

    /** Thread-safe. */
    val wake = Channel<Unit>(Channel.CONFLATED)

    /** The connection in use; null while there is none. */
    val connection: Channels? get() = links.channels.connection.value

    fun remove(interest: Interest) {
        added -= interest
        idle -= interest
    }
}
