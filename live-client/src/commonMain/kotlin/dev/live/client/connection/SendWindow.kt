package dev.live.client.connection

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import kotlinx.coroutines.channels.Channel

/**
 * Bounds what has been handed to the engine and has not reached the server: some engines queue without a bound, or drop
 * what does not fit into theirs, and say nothing of it. A `ping` behind the first half of what may be on its way, whose
 * `pong` says that it has arrived, keeps a connection that is fast enough from ever waiting.
 *
 * Only used on the client's dispatcher.
 *
 * @param limit bytes that may be on their way
 * @param nextRef makes the ref of a ping
 */
internal class SendWindow(private val limit: Int, private val nextRef: () -> String) {
    private var sent = 0L
    private var arrived = 0L

    /** The ref of the ping whose answer is awaited, and what had been sent when it was. */
    private var ref: String? = null
    private var sentBefore = 0L
    private val news = Channel<Unit>(Channel.CONFLATED)

    /** Counts [bytes] that were sent; a ping to send behind them, or null if there is no need. */
    fun sent(bytes: Int): Message? {
        sent += bytes
        if (ref != null || sent - arrived < limit / 2) return null
        val ping = Message(MessageType.PING, ref = nextRef())
        ref = ping.ref
        sentBefore = sent
        return ping
    }

    /** Whether [answer] is to this window's ping; a refusal says too that it has arrived. */
    fun isOpenedBy(answer: Message): Boolean {
        if (answer.ref != ref) return false
        arrived = sentBefore
        ref = null
        news.trySend(Unit)
        return true
    }

    /** Whether more may be sent. */
    val isOpen: Boolean get() = sent - arrived < limit

    /** Suspends while it is not. */
    suspend fun awaitOpen() {
        while (!isOpen) news.receive()
    }
}
