package dev.live.client.topic

import dev.live.protocol.LiveException
import dev.live.protocol.Message
import kotlinx.coroutines.CompletableDeferred

/**
 * An application message in the outbox, and its result. Only used on the client's dispatcher.
 *
 * @param expectsReply whether [await] waits for the server's reply; false if it only waits until the message is written
 */
internal class PendingSend(
    private val message: Message,
    private val expectsReply: Boolean,
    private val pending: PendingReplies,
) : Outgoing,
    ReplyHandler {
    private val result = CompletableDeferred<Message>()
    var wasTaken = false
        private set

    val type: String get() = message.type

    val topic: String get() = message.topic

    /** Size of the payload in bytes. */
    val size: Int = message.body?.size ?: 0

    suspend fun await(): Message = result.await()

    /** Ignores a reply that arrives later. */
    fun cancel() {
        if (expectsReply) pending.remove(message.ref)
    }

    override fun take(): Message {
        wasTaken = true
        if (expectsReply) pending.add(message.ref, this) else result.complete(message)
        return message
    }

    override fun onReply(reply: Message) {
        result.complete(reply)
    }

    override fun onError(error: LiveException) {
        result.completeExceptionally(error)
    }

    override fun onConnectionLost(wasTooLarge: Boolean) {
        val cause =
            if (wasTooLarge) "the server closed because of a message that was too large" else "the connection was lost"
        val reason = "$cause before the reply to '${message.type}'; the server may have processed it"
        result.completeExceptionally(ConnectionLostException(reason, wasTooLarge))
    }

    fun onClosed(reason: String) {
        result.completeExceptionally(ClientClosedException(reason))
    }
}
