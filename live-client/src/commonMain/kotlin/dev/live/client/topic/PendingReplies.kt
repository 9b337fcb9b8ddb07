package dev.live.client.topic

import dev.live.protocol.BadPayloadException
import dev.live.protocol.ErrorCode
import dev.live.protocol.ErrorData
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode

/** Receives the reply to one message. Called on the client's dispatcher, at most once per ref. */
internal interface ReplyHandler {
    /** The server processed the message; [reply] is its `ack` or `reply`. */
    fun onReply(reply: Message)

    /** The server rejected the message. */
    fun onError(error: LiveException)

    /**
     * The connection broke before the reply.
     *
     * @param wasTooLarge whether the server closed the connection because of a message that was too large; the message
     *   must then not be sent again
     */
    fun onConnectionLost(wasTooLarge: Boolean)
}

/** The handlers of the replies that have not arrived, by ref. Only used on the client's dispatcher. */
internal class PendingReplies {
    private val replyHandlers = LinkedHashMap<String, ReplyHandler>()

    val size: Int get() = replyHandlers.size

    fun add(ref: String, handler: ReplyHandler) {
        replyHandlers[ref] = handler
    }

    fun remove(ref: String) {
        replyHandlers.remove(ref)
    }

    /** Passes [message] to the handler of its ref. Returns false if there is none. */
    fun complete(message: Message): Boolean {
        if (message.ref.isEmpty()) return false
        val handler = replyHandlers.remove(message.ref) ?: return false
        if (message.type == MessageType.ERROR) handler.onError(message.toException()) else handler.onReply(message)
        return true
    }

    /** Notifies and removes all handlers. */
    fun connectionLost(wasTooLarge: Boolean) {
        val lost = replyHandlers.values.toList()
        replyHandlers.clear()
        lost.forEach { it.onConnectionLost(wasTooLarge) }
    }
}

/** The exception for an `error` message. */
private fun Message.toException(): LiveException =
    try {
        decode<ErrorData>().toException()
    } catch (e: BadPayloadException) {
        LiveException(ErrorCode.Internal, "the server sent an invalid error message: ${e.reason}", cause = e)
    }
