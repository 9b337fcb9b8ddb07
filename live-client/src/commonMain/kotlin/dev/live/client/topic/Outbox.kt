package dev.live.client.topic

import dev.live.protocol.Message
import dev.live.protocol.MessageType
import kotlinx.coroutines.channels.Channel

/** Something that waits for its turn to be written. Called on the client's dispatcher. */
internal interface Outgoing {
    /** What to write, decided only now that it is written; null if there is nothing left to say. */
    fun take(): Message?
}

/** A `ping` of the client's. It waits in the outbox at most once, however many reasons there are for it. */
internal class ProbePing : Outgoing {
    private var isWaiting = false

    /** True if this has to be queued. */
    fun isNew(): Boolean = !isWaiting.also { isWaiting = true }

    fun dropped() {
        isWaiting = false
    }

    override fun take(): Message {
        isWaiting = false
        return Message(MessageType.PING)
    }
}

/**
 * What waits to be written, in order; it outlives connections.
 *
 * Messages of the application take [room]. The client's own (subscriptions, heartbeat) take none, for there is at most one
 * per topic. Only used on the client's dispatcher, but for [room].
 */
internal class Outbox(val room: OutboxRoom) {
    private val queue = ArrayDeque<Outgoing>()

    /** What has to be written before the first message of the application to a topic; null if nothing has. */
    var ahead: (topic: String) -> Outgoing? = { null }
    private val news = Channel<Unit>(Channel.CONFLATED)
    private var end: ClientClosedException? = null

    /**
     * Queues [letter], after waiting for room.
     *
     * @throws ClientClosedException if the client is closed, or is while this waits
     */
    suspend fun put(letter: PendingSend) {
        room.take(letter.size)
        add(letter)
    }

    /**
     * Queues [letter], which has its room already.
     *
     * @throws ClientClosedException if the client is closed
     */
    fun add(letter: PendingSend) {
        end?.let {
            room.giveBack(letter.size) // for the next in line, who learns the same
            throw ClientClosedException(it.reason)
        }
        queue.addLast(letter)
        news.trySend(Unit)
    }

    /** Queues something of the client's own, behind what waits already. */
    fun putOwn(outgoing: Outgoing) {
        queue.addLast(outgoing)
        news.trySend(Unit)
    }

    /** Queues [outgoing] before everything that waits, in the order given. */
    fun putOwnFirst(outgoing: List<Outgoing>) {
        queue.addAll(0, outgoing)
        news.trySend(Unit)
    }

    /** Queues [outgoing] before the messages of the application, and behind what is the client's own there. */
    fun putOwnBeforeLetters(outgoing: List<Outgoing>) {
        val first = queue.indexOfFirst { it is PendingSend }
        queue.addAll(if (first < 0) queue.size else first, outgoing)
        news.trySend(Unit)
    }

    /** Takes [letter] back, if it still waits: it will not be written. */
    fun withdraw(letter: PendingSend) {
        if (queue.remove(letter)) room.giveBack(letter.size)
    }

    /** Drops what is the client's own: a new connection begins with its own. */
    fun dropOwn() {
        queue.removeAll { it !is PendingSend }
    }

    /** The next message to write. Waits for one. */
    suspend fun take(): Message {
        while (true) {
            tryTake()?.let { return it }
            news.receive()
        }
    }

    /** The next message to write, or null if nothing waits. */
    fun tryTake(): Message? {
        while (true) {
            val head = queue.firstOrNull() ?: return null
            val before = if (head is PendingSend) ahead(head.topic) else null
            if (before == null) {
                queue.removeFirst()
                if (head is PendingSend) room.giveBack(head.size)
            }
            // this may queue something before the head, which is therefore read again
            (before ?: head).take()?.let { return it }
        }
    }

    /** Fails what waits, and what comes later, with [cause]. */
    fun end(cause: ClientClosedException) {
        end = cause
        while (true) {
            val letter = queue.removeFirstOrNull() ?: return
            if (letter is PendingSend) {
                room.giveBack(letter.size)
                letter.onClosed(cause.reason)
            }
        }
    }
}
