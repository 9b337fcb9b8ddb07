package dev.live.client.topic

import dev.live.protocol.BadPayloadException
import dev.live.protocol.ErrorCode
import dev.live.protocol.ErrorData
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode

/** Waits for the answer to one message. Called on the client's dispatcher, at most once per ref. */
internal interface ReplyHandler {
    /** The server carried the message out; [answer] is its `ack` or `reply`. */
    fun onAnswer(answer: Message)

    /** The server refused it. */
    fun onRefused(error: LiveException)

    /** The connection broke before the answer came; [wasTooLarge]: over a message that is not to be sent again. */
    fun onConnectionLost(wasTooLarge: Boolean)
}

/** Who waits for the answer to which ref. Only used on the client's dispatcher. */
internal class PendingReplies {
    private val replyHandlers = LinkedHashMap<String, ReplyHandler>()

    val size: Int get() = replyHandlers.size

    fun expect(ref: String, asker: ReplyHandler) {
        replyHandlers[ref] = asker
    }

    fun forget(ref: String) {
        replyHandlers.remove(ref)
    }

    /** Hands [message] to who waits for its ref; false if nobody does. */
    fun answer(message: Message): Boolean {
        if (message.ref.isEmpty()) return false
        val asker = replyHandlers.remove(message.ref) ?: return false
        if (message.type == MessageType.ERROR) asker.onRefused(message.toException()) else asker.onAnswer(message)
        return true
    }

    /** Nothing that is pending can be answered any more. */
    fun connectionLost(wasTooLarge: Boolean) {
        val lost = replyHandlers.values.toList()
        replyHandlers.clear()
        lost.forEach { it.onConnectionLost(wasTooLarge) }
    }
}

/** What an `error` message says. */
private fun Message.toException(): LiveException =
    try {
        decode<ErrorData>().toException()
    } catch (e: BadPayloadException) {
        LiveException(ErrorCode.Internal, "the server sent an error that says nothing: ${e.reason}", cause = e)
    }
