package dev.live.client.topic

import dev.live.protocol.Message
import dev.live.protocol.MessageType

/**
 * All pings and pongs that a client sends, and the number of messages that it received: every message shows that the
 * connection works. Only used on the client's dispatcher.
 */
internal class Pings(private val outbox: Outbox, private val refs: Refs) {
    private val ping = QueuedOnce()
    private val pong = QueuedOnce()
    private var isConnected = false

    /** Messages received from the server, on all connections. */
    var messagesReceived = 0L
        private set

    /** A message arrived from the server. */
    fun received() {
        messagesReceived++
    }

    /**
     * Queues a ping that checks the connection, if there is a connection and no such ping is queued already. Called for
     * the heartbeat, and when a reply is late. The reply may be late only because its handler is slow, so the heartbeat
     * decides whether a silent connection is closed.
     */
    fun send() {
        if (isConnected) ping.queue(Message(MessageType.PING))
    }

    /**
     * A ping for the caller to write immediately. Its `pong` confirms that the server has received everything before
     * it.
     */
    fun withRef(): Message = Message(MessageType.PING, ref = refs.next())

    /** Queues the `pong` to the server's [ping]. Of several pings, the newest gets one, so a flood fills nothing. */
    fun reply(ping: Message): Unit = pong.queue(Message(MessageType.PONG, ref = ping.ref))

    fun connected() {
        isConnected = true
    }

    /** The connection is closed, and the outbox has dropped its control messages. */
    fun disconnected() {
        isConnected = false
        ping.dropped()
        pong.dropped()
    }

    /** An entry that is in the outbox at most once, with the newest message. */
    private inner class QueuedOnce : Outgoing {
        private var message: Message? = null

        fun queue(newest: Message) {
            val isQueued = message != null
            message = newest
            if (!isQueued) outbox.addControl(this)
        }

        fun dropped() {
            message = null
        }

        override fun take(): Message? = message.also { message = null }
    }
}
