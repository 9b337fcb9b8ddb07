package dev.live.server.topic

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.server.broker.HistoryBounds
import dev.live.server.broker.Publication
import dev.live.server.broker.StoredHistory
import dev.live.server.broker.StoredPublication
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration.Companion.milliseconds

/**
 * A topic's view of its history, which the broker stores: the order of publications, and the newest of them.
 *
 * Only accessed by the topic's actor, unless noted otherwise.
 *
 * @property bounds the topic's settings. Thread-safe
 * @param onRepaired called with the publications after a hole
 */
internal class TopicHistory(
    private val topic: String,
    val bounds: HistoryBounds,
    private val runtime: TopicRuntime,
    private val timer: TopicTimer,
    onRepaired: suspend (StoredHistory) -> Unit,
) {
    // at most half of the history, so that the rest is probably still stored when it is read
    val order = PublicationOrder((bounds.size / 2).coerceIn(1, PublicationOrder.MAX_HELD))

    private val repair = HistoryRepair(topic, bounds, runtime, onRepaired)

    /**
     * The newest delivered messages, oldest first: a history that was read just before a subscribe lacks the messages
     * published in between.
     */
    private val recent = ArrayDeque<MissedMessage>()

    /** Since when publications are missing; null if none are. */
    private var holeSince: Long? = null

    /** The position after which the history was last read to fill a hole. */
    private var readFrom: Position? = null

    /** The other epochs of publications that had arrived before that read. */
    private var foreignEpochs: Set<String> = emptySet()

    /**
     * Reads the history after [since]. Called by any thread.
     *
     * @throws LiveException with `timeout` if the broker takes too long
     */
    suspend fun read(since: Position): StoredHistory =
        withTimeoutOrNull(TopicRuntime.BROKER_TIMEOUT) { runtime.broker.history(topic, since, bounds) }
            ?: throw LiveException(ErrorCode.Timeout, "the history was not read within ${TopicRuntime.BROKER_TIMEOUT}")

    /** [message] is delivered now. */
    fun delivered(message: PreparedMessage) {
        if (message.position == null) return // published by a node that declares no history for the topic
        if (recent.size == MAX_RECENT) recent.removeFirst()
        recent += MissedMessage(message.message, message.key)
    }

    /**
     * The messages of [stored] up to [end], the position of the topic; null if some are not available. They end earlier
     * if [stored] was read too long ago.
     */
    fun missed(stored: StoredHistory, end: Position): Missed? {
        if (!stored.isComplete || !stored.contains(end)) return null
        val messages = stored.entries.mapTo(ArrayList()) { MissedMessage(it.toMessage(), it.publication.key) }
        messages.removeAll { it.offset > end.offset }
        val last = stored.position.offset
        if (last >= end.offset) return Missed(messages, end, isBehind = false)
        val oldest = recent.firstOrNull()
        if (oldest == null || oldest.offset > last + 1) return Missed(messages, stored.position, isBehind = true)
        recent.filterTo(messages) { it.offset > last && it.offset <= end.offset }
        return Missed(messages, end, isBehind = false)
    }

    /** Continues after [next], which is the current position in a new epoch. */
    fun continueIn(next: Position): Unit = order.skipTo(next)

    /** Continues after [next], although publications may be missing before it. */
    fun skipTo(next: Position) {
        recent.clear()
        order.skipTo(next)
    }

    /**
     * Starts a read of the history if publications have been missing for [GRACE]: until then they are probably
     * underway. Dropped ones are not; they are read at once, but not twice from the same position.
     */
    fun checkHole() {
        if (!order.hasHole) {
            holeSince = null
            return
        }
        if (repair.isRunning) return
        val now = runtime.now()
        val due = (holeSince ?: now.also { holeSince = it }) + GRACE.inWholeMilliseconds
        val mustRead = order.hasDropped && order.position != readFrom
        if (mustRead || now >= due) repair() else timer.schedule(due)
    }

    /** Reads the publications after the current position. */
    fun repair() {
        val position = order.position ?: return
        if (!repair.isRunning) {
            readFrom = position
            foreignEpochs = order.foreignEpochs
        }
        repair.start(position)
    }

    /** The history that was read is in the current epoch, and its publications were accepted. */
    fun confirmed() {
        order.end(foreignEpochs)
    }

    /** The result of a read was processed. */
    fun repaired() {
        holeSince = null
        if (repair.completed()) repair() else checkHole()
    }

    /** Ends the reads of the history. Called by any thread. */
    fun close(): Unit = repair.close()

    private companion object {
        /** More than are published while one client subscribes, on a busy topic. */
        const val MAX_RECENT = 64

        val GRACE = 100.milliseconds
    }
}

/** A [message] that a client has missed, and its conflation [key]. */
internal class MissedMessage(val message: Message, val key: String?) {
    val offset: Long get() = message.offset ?: error("unreachable: a message of a history has an offset")
}

/**
 * The missed [messages] of a client, up to the position [end].
 *
 * @property isBehind whether the topic has delivered messages after [end]
 */
internal class Missed(val messages: List<MissedMessage>, val end: Position, val isBehind: Boolean)

/** The message for the clients. */
internal fun StoredPublication.toMessage(): Message = publication.messageAt(position)

/** The message for the clients, with the offset of [position]. */
internal fun Publication.messageAt(position: Position?): Message =
    if (position == null) message else Message(type, topic, body = body, offset = position.offset, trace = trace)
