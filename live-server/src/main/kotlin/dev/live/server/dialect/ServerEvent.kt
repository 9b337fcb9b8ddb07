package dev.live.server.dialect

import dev.live.protocol.Message
import dev.live.protocol.Position

/** An event that the server sends to a client. Each case is one that a [Dialect] encodes differently from others. */
internal sealed interface ServerEvent {
    /** An event that WebSocket dialects encode as [message]. */
    sealed class WithMessage(val message: Message) : ServerEvent

    /** A message of no topic's order: a reply, an error, presence, or a message that the application sends. */
    class Sent(message: Message) : WithMessage(message)

    /**
     * A publication. [epoch] is that of its offset in the topic's history; null without a history.
     */
    class Published(message: Message, private val epoch: String? = null) : WithMessage(message) {
        /** The position of a client that has received all messages up to this one; null without a history. */
        val position: Position?
            get() {
                val offset = message.offset
                return if (epoch == null || offset == null) null else Position(epoch, offset)
            }
    }

    /**
     * The client is subscribed to the topic of the acknowledgement [message].
     *
     * @property position the client's position before the messages that follow: the requested one if those include the
     *   missed messages, else the topic's newest. Null without a history
     */
    class Subscribed(message: Message, val position: Position?) : WithMessage(message)

    /** A check whether the client is still connected. */
    data object Ping : ServerEvent

    /** The reply to a ping of the client, with its [payload]. */
    class Pong(val payload: ByteArray) : ServerEvent
}
