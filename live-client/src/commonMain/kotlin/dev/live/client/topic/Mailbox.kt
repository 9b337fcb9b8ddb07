package dev.live.client.topic

import dev.live.protocol.Message
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.ReceiveChannel

/**
 * What happens to a collector whose 64 buffered messages are full when one more arrives. The socket never waits for it.
 */
public enum class CollectorOverflow {
    /** Its flow delivers what is buffered and then fails with [SlowCollectorException]. Nothing is lost unnoticed. */
    Fail,

    /** The oldest buffered message is dropped: for values of which only the newest matters. */
    DropOldest,
}

/** The messages that wait for one collector. */
internal class Mailbox(
    private val source: String,
    private val overflow: CollectorOverflow,
    private val accepts: (Message) -> Boolean,
) {
    private val channel =
        Channel<Message>(
            CAPACITY,
            if (overflow == CollectorOverflow.DropOldest) BufferOverflow.DROP_OLDEST else BufferOverflow.SUSPEND,
        )

    /** What the collector reads, in the order of arrival. */
    val messages: ReceiveChannel<Message> get() = channel

    /** Never suspends; false means that this collector has just failed and must be forgotten. */
    fun offer(message: Message): Boolean {
        if (!accepts(message)) return true
        if (channel.trySend(message).isSuccess) return true
        end(SlowCollectorException("a collector of $source fell $CAPACITY messages behind"))
        return false
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
