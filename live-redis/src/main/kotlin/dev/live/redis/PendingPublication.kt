package dev.live.redis

import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Position
import dev.live.server.broker.HistoryBounds
import kotlinx.coroutines.CompletableDeferred
import java.util.concurrent.atomic.AtomicBoolean

/** A publication in the [Outbox]. Its mutable state is guarded by the outbox, unless noted otherwise. */
internal class PendingPublication(val topic: String, val envelope: ByteArray) {
    /** The position; null without a history. */
    val done = CompletableDeferred<Position?>()

    /** Whether its place in the outbox is free again. Thread-safe. */
    val isReleased = AtomicBoolean()

    /** Whether it may have reached Redis. */
    var wasSent = false

    /** Whether its caller no longer waits. */
    var isAbandoned = false
}

/** The publications of this node to one topic with a history. Its state is guarded by the [Outbox]. */
internal class TopicOutbox(val topic: String, val publisher: String) {
    val waiting = ArrayDeque<PendingPublication>()
    lateinit var bounds: HistoryBounds

    /** The batch without an answer; null for none. */
    var batch: TopicBatch? = null
    var nextSequence = 1L

    /** The newest position that Redis has confirmed; null before the first one. */
    var confirmed: Position? = null

    /** Whether it is in the list of topics to send. */
    var isReady = false

    /** Whether something can be sent now. */
    val hasWork: Boolean get() = batch.let { if (it == null) waiting.isNotEmpty() else !it.isSent }

    /** [nextSequence] at the last sweep. */
    var swept = 0L
}

/** Publications that are stored in one call, from the sequence [first] on. Never changed: it may be sent twice. */
internal class TopicBatch(
    val outbox: TopicOutbox,
    val bounds: HistoryBounds,
    val first: Long,
    val confirmed: Position?,
    val publications: List<PendingPublication>,
) {
    /** Whether it was sent on the current connection. Guarded by the [Outbox]. */
    var isSent = false

    /** The connection that it was sent on last; null before. */
    @Volatile
    var connection: Commands? = null

    /** Whether it was sent on an earlier connection as well, which may have stored it. Guarded by the [Outbox]. */
    var isRepeated = false
}

/** @throws LiveException with `too_large` if [envelope] exceeds the outbox alone */
internal fun RedisSettings.checkSize(envelope: ByteArray) {
    if (envelope.size <= outboxBytes) return
    val reason = "the message has ${envelope.size} bytes, more than outboxBytes ($outboxBytes)"
    throw LiveException(ErrorCode.TooLarge, reason)
}
