package dev.live.client.topic

import dev.live.protocol.Message
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.ReceiveChannel
import kotlinx.serialization.json.JsonElement
import kotlin.concurrent.Volatile

/**
 * What happens to a collector whose 64 buffered messages are full when one more arrives, or the topic is joined again.
 * The socket never waits for it.
 */
public enum class CollectorOverflow {
    /**
     * On a topic that keeps a history the client leaves the topic until the collector has taken what is buffered, and
     * then recovers what came meanwhile; other collectors of the topic wait with it, and others see it leave where the
     * topic has presence. On a topic that keeps none, as [Fail].
     */
    Recover,

    /** Its flow delivers what is buffered and then fails with [SlowCollectorException]. Nothing is lost unnoticed. */
    Fail,

    /** The oldest buffered message is dropped: for values of which only the newest matters. */
    DropOldest,
}

/** What a collector gets. */
internal sealed interface SubscriptionEvent {
    class Arrived(val message: Message) : SubscriptionEvent

    /** The topic was joined: from here on nothing is missing. */
    class Joined(val recovery: Recovery, val welcome: JsonElement? = null) : SubscriptionEvent

    /** Who is there, for those who want to know. */
    class Present(val presence: Presence<JsonElement>) : SubscriptionEvent
}

/**
 * The messages that wait for one collector. Used on the client's dispatcher, but for [arrivals] and [isBehind].
 *
 * @property params what it has the server know when the topic is joined
 */
internal class CollectorBuffer(
    private val source: String,
    val overflow: CollectorOverflow,
    private val wantsPresence: Boolean = false,
    val params: JsonElement? = null,
    private val accepts: (Message) -> Boolean,
) {
    private val channel =
        Channel<SubscriptionEvent>(
            CAPACITY,
            if (overflow == CollectorOverflow.DropOldest) BufferOverflow.DROP_OLDEST else BufferOverflow.SUSPEND,
        ) { dropped -> if ((dropped as? SubscriptionEvent.Joined)?.recovery == Recovery.Gap) hasDroppedGap = true }

    /** What the collector reads, in the order of arrival. */
    val arrivals: ReceiveChannel<SubscriptionEvent> get() = channel

    /** Whether the collector has taken all that is here. Any thread. */
    @OptIn(ExperimentalCoroutinesApi::class)
    val isDrained: Boolean get() = channel.isEmpty

    /** How far it is in the topic's history, where there is one. */
    var offset = 0L

    /** A message found it full: it gets nothing until the topic is joined again, from [offset]. Read by any thread. */
    @Volatile
    var isBehind = false

    /** A gap made room for something before it was read. */
    private var hasDroppedGap = false

    /** Whether it was ever told that the topic is joined. */
    var wasJoined = false
        private set

    /** There was a gap, and no room to say so: no later recovery may hide it. */
    private var owesGap = false

    /** Never suspends; false if there is no room. */
    fun offer(message: Message): Boolean = !accepts(message) || put(SubscriptionEvent.Arrived(message))

    /** Says who is there, to those who want to know; the newest is enough. */
    fun present(presence: Presence<JsonElement>) {
        if (wantsPresence) put(SubscriptionEvent.Present(presence))
    }

    /** The topic was joined; false if there is no room to say so. */
    fun joined(recovery: Recovery, welcome: JsonElement?): Boolean {
        val mine =
            when {
                !wasJoined -> Recovery.First
                owesGap -> Recovery.Gap
                else -> recovery
            }
        wasJoined = true
        val isSaid = put(SubscriptionEvent.Joined(mine, welcome))
        owesGap = !isSaid && mine == Recovery.Gap
        return isSaid
    }

    /** What makes room may be a gap that was not read yet: it is said again, for nothing else tells of it. */
    private fun put(arrival: SubscriptionEvent): Boolean {
        val isThere = channel.trySend(arrival).isSuccess
        if (isThere && hasDroppedGap) {
            hasDroppedGap = false
            channel.trySend(SubscriptionEvent.Joined(Recovery.Gap))
        }
        return isThere
    }

    /** Ends the flow, after what is buffered, because there was no room. */
    fun overflowed() {
        end(SlowCollectorException("a collector of $source fell $CAPACITY messages behind"))
    }

    /** Ends the flow after what is buffered: normally, or with [cause]. */
    fun end(cause: Throwable?) {
        channel.close(cause)
    }

    companion object {
        /** Messages that may wait for one collector. */
        const val CAPACITY = 64
    }
}
