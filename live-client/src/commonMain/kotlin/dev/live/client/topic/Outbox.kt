package dev.live.client.topic

import dev.live.protocol.Message
import kotlinx.coroutines.channels.Channel

/** An entry of the [Outbox]. Called on the client's dispatcher. */
internal fun interface Outgoing {
    /** Called when the entry is written. Returns the message, or null if there is nothing to send any more. */
    fun take(): Message?
}

/**
 * The queue of messages to write, in order. It is kept across connections.
 *
 * Application messages count against [capacity]. The client's control messages (subscribe, unsubscribe, heartbeat) do
 * not, because there is at most one per topic. Only used on the client's dispatcher, except [capacity].
 */
internal class Outbox(val capacity: OutboxCapacity) {
    private val queue = ArrayDeque<Outgoing>()

    /** Returns the entry that must be written before an application message to a topic, or null. */
    var prerequisite: (topic: String) -> Outgoing? = { null }
    private val added = Channel<Unit>(Channel.CONFLATED)
    private var closeCause: ClientClosedException? = null

    /**
     * Queues [send]; suspends until there is capacity.
     *
     * @throws ClientClosedException if the client is closed before or during the wait
     */
    suspend fun put(send: PendingSend) {
        capacity.acquire(send.size)
        add(send)
    }

    /**
     * Queues [send], for which the caller has acquired the capacity.
     *
     * @throws ClientClosedException if the client is closed
     */
    fun add(send: PendingSend) {
        closeCause?.let {
            capacity.release(send.size) // resumes the next waiter, which fails in the same way
            throw ClientClosedException(it.reason)
        }
        queue.addLast(send)
        added.trySend(Unit)
    }

    /** Queues a control message at the end. */
    fun addControl(outgoing: Outgoing) {
        queue.addLast(outgoing)
        added.trySend(Unit)
    }

    /** Queues control messages at the front, in the given order. */
    fun addControlFirst(outgoing: List<Outgoing>) {
        queue.addAll(0, outgoing)
        added.trySend(Unit)
    }

    /** Queues control messages before the first application message, and after the control messages in front of it. */
    fun addControlBeforeSends(outgoing: List<Outgoing>) {
        val first = queue.indexOfFirst { it is PendingSend }
        queue.addAll(if (first < 0) queue.size else first, outgoing)
        added.trySend(Unit)
    }

    /** Removes [send] if it is still queued. It is not written then. */
    fun remove(send: PendingSend) {
        if (queue.remove(send)) capacity.release(send.size)
    }

    /** Drops all control messages. A new connection queues its own. */
    fun dropControl() {
        queue.removeAll { it !is PendingSend }
    }

    /** Returns the next message to write; suspends until there is one. */
    suspend fun take(): Message {
        while (true) {
            tryTake()?.let { return it }
            added.receive()
        }
    }

    /** Returns the next message to write, or null if the queue is empty. */
    fun tryTake(): Message? {
        while (true) {
            val head = queue.firstOrNull() ?: return null
            val before = if (head is PendingSend) prerequisite(head.topic) else null
            if (before == null) {
                queue.removeFirst()
                if (head is PendingSend) capacity.release(head.size)
            }
            // take() may queue an entry before the head, so the next iteration reads the head again
            (before ?: head).take()?.let { return it }
        }
    }

    /** Fails all queued and all later messages with [cause]. */
    fun close(cause: ClientClosedException) {
        closeCause = cause
        while (true) {
            val entry = queue.removeFirstOrNull() ?: return
            if (entry is PendingSend) {
                capacity.release(entry.size)
                entry.onClosed(cause.reason)
            }
        }
    }
}
