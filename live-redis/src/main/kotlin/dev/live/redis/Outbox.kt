package dev.live.redis

import dev.live.protocol.Position
import dev.live.server.broker.HistoryBounds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration
import kotlin.time.TimeSource

/**
 * The publications of this node that Redis has not confirmed.
 *
 * Those of a topic with a history are sent in batches, one batch of a topic at a time. A batch whose answer is lost is
 * sent again unchanged: the script recognizes it by publisher and sequence. A later batch of the same publisher, once
 * executed, makes Redis ignore an earlier one that arrives late. So a topic has the order of its publisher, and no
 * duplicates. Publications of topics without a history are sent once.
 *
 * Thread-safe. One file, because capacity, batches and topics share one lock.
 *
 * @param why says why Redis is not available
 */
internal class Outbox(private val settings: RedisSettings, private val why: () -> String) {
    private val capacity = Capacity(settings.outboxMessages, settings.outboxBytes)
    private val node = randomName()

    /** Wakes the sender. */
    val wake = Channel<Unit>(Channel.CONFLATED)

    /** Guarded by this object, like the next fields and the state of all publications. */
    private val topics = HashMap<String, TopicOutbox>()
    private val ready = ArrayDeque<TopicOutbox>()
    private val plain = PlainQueue()
    private var created = 0L
    private var isClosed = false

    /** Number of publications in the outbox. */
    val size: Int get() = capacity.size

    /** Returns when Redis has confirmed, within [limit]: the position, or null without a history. */
    suspend fun publish(
        topic: String,
        bounds: HistoryBounds?,
        envelope: ByteArray,
        limit: Duration = settings.timeout,
    ): Position? {
        settings.checkSize(envelope)
        val start = TimeSource.Monotonic.markNow()
        if (!capacity.tryAcquire(envelope.size)) acquire(envelope.size, limit)
        val publication = add(topic, bounds, envelope)
        var isDone = false
        try {
            // in a dispatcher of its own: the continuation of an unconfined caller must not run in Redis's event loop
            val isConfirmed =
                withContext(Dispatchers.Default) {
                    withTimeoutOrNull(limit - start.elapsedNow()) { publication.done.join() } != null
                }
            isDone = isConfirmed
            if (!isConfirmed) throw giveUp(publication, limit).also { isDone = true }
            return publication.done.await()
        } finally {
            if (!isDone) giveUp(publication, limit)
        }
    }

    private suspend fun acquire(bytes: Int, limit: Duration) {
        var isAcquired = false
        var isInTime = false
        try {
            isInTime =
                withTimeoutOrNull(limit) {
                    capacity.acquire(bytes)
                    isAcquired = true
                } != null
        } finally {
            // given up after the place was granted, and before this coroutine continued
            if (isAcquired && !isInTime) capacity.release(bytes)
        }
        if (isInTime) return
        throw RedisBrokerException.Unavailable(
            "the outbox for Redis was full for $limit (${settings.outboxMessages} messages or " +
                "${settings.outboxBytes} bytes). ${why()}",
            wasTooLate = true,
        )
    }

    private fun add(topic: String, bounds: HistoryBounds?, envelope: ByteArray): PendingPublication {
        val publication = PendingPublication(topic, envelope)
        val wasClosed =
            synchronized(this) {
                when {
                    isClosed -> Unit
                    bounds == null -> plain.add(publication)
                    else -> {
                        val outbox = topics.getOrPut(topic) { TopicOutbox(topic, "$node.${created++}") }
                        outbox.bounds = bounds
                        outbox.waiting += publication
                        makeReady(outbox)
                    }
                }
                isClosed
            }
        if (wasClosed) {
            capacity.release(envelope.size)
            throw RedisBrokerException.Unavailable("the broker has ended, because the server has")
        }
        wake.trySend(Unit)
        return publication
    }

    /** The caller of [publication] no longer waits. Returns its failure. */
    private fun giveUp(publication: PendingPublication, limit: Duration): RedisBrokerException {
        val wasSent =
            synchronized(this) {
                publication.isAbandoned = true
                if (!publication.wasSent) remove(publication)
                publication.wasSent
            }
        if (wasSent) {
            return RedisBrokerException.Unknown(
                "Redis did not answer within $limit; the message may be delivered. ${why()}",
            )
        }
        if (publication.isReleased.compareAndSet(false, true)) capacity.release(publication.envelope.size)
        return RedisBrokerException.Unavailable("Redis was not available for $limit. ${why()}", wasTooLate = true)
    }

    /** The oldest ones give up first, so that this is fast. The queue of the topic is the shorter one. */
    private fun remove(publication: PendingPublication) {
        if (topics[publication.topic]?.waiting?.remove(publication) != true) plain.remove(publication)
    }

    /** A connection is new or lost: batches without an answer are sent again if [isLost] is true for them. */
    fun connected(isLost: (TopicBatch) -> Boolean = { true }) {
        synchronized(this) {
            plain.connected()
            for (outbox in topics.values) {
                outbox.batch?.let { if (isLost(it)) it.isSent = false }
                makeReady(outbox)
            }
        }
        wake.trySend(Unit)
    }

    /** Removes the batches to send, at most [max]. Others than those of [canSend] wait for [connected]. */
    fun takeBatches(max: Int, canSend: (String) -> Boolean = { true }): List<TopicBatch> =
        synchronized(this) {
            val taken = ArrayList<TopicBatch>(minOf(ready.size, max))
            while (taken.size < max) {
                val outbox = ready.removeFirstOrNull() ?: break
                outbox.isReady = false
                if (canSend(outbox.topic)) nextBatch(outbox)?.let { taken += it }
            }
            taken
        }

    private fun nextBatch(outbox: TopicOutbox): TopicBatch? {
        val repeated = outbox.batch
        if (repeated != null) {
            if (repeated.isSent) return null
            if (repeated.publications.any { !it.isAbandoned }) {
                repeated.isSent = true
                repeated.isRepeated = true
                return repeated
            }
            settled(repeated)
        }
        val publications = ArrayList<PendingPublication>()
        var bytes = 0
        while (publications.size < MAX_BATCH && bytes < MAX_BATCH_BYTES) {
            val next = outbox.waiting.removeFirstOrNull() ?: break
            next.wasSent = true
            publications += next
            bytes += next.envelope.size
        }
        if (publications.isEmpty()) return null
        val batch = TopicBatch(outbox, outbox.bounds, outbox.nextSequence, outbox.confirmed, publications)
        outbox.nextSequence += publications.size
        outbox.batch = batch
        batch.isSent = true
        return batch
    }

    /** Removes the publications of topics without a history to send, at most [max]; see [takeBatches]. */
    fun takePlain(max: Int, canSend: (String) -> Boolean = { true }): List<PendingPublication> =
        synchronized(this) { plain.take(max, canSend) }

    /** [batch] was not executed, and is sent again. */
    fun again(batch: TopicBatch) {
        synchronized(this) {
            if (batch.outbox.batch === batch) batch.isSent = false
            makeReady(batch.outbox)
        }
        wake.trySend(Unit)
    }

    /** [publication], of a topic without a history, was not executed, and is sent again if its caller still waits. */
    fun again(publication: PendingPublication) {
        val isWaiting = synchronized(this) { plain.again(publication) }
        if (isWaiting) wake.trySend(Unit) else release(publication)
    }

    /** Redis has stored [batch] from [first] on. */
    fun confirmed(batch: TopicBatch, first: Position) {
        val last = Position(first.epoch, first.offset + batch.publications.size - 1)
        synchronized(this) {
            if (batch.outbox.batch !== batch) return // confirmed by an earlier answer
            batch.outbox.confirmed = last
            settled(batch)
            makeReady(batch.outbox)
        }
        batch.publications.forEachIndexed { index, publication ->
            publication.done.complete(Position(first.epoch, first.offset + index))
        }
        wake.trySend(Unit)
    }

    /** Redis has rejected [batch]: nothing of it was stored, unless an earlier attempt has stored it. */
    fun rejected(batch: TopicBatch, failure: RedisBrokerException) {
        val wasRepeated =
            synchronized(this) {
                if (batch.outbox.batch !== batch) return
                settled(batch)
                makeReady(batch.outbox)
                batch.isRepeated
            }
        val result =
            if (wasRepeated) {
                val reason = "the connection was lost, and the second attempt was rejected; it may be delivered"
                RedisBrokerException.Unknown("$reason. ${failure.reason}", failure)
            } else {
                failure
            }
        for (publication in batch.publications) publication.done.completeExceptionally(result)
        wake.trySend(Unit)
    }

    /** [publication], of a topic without a history, is done. */
    fun done(publication: PendingPublication, failure: RedisBrokerException?) {
        release(publication)
        if (failure == null) publication.done.complete(null) else publication.done.completeExceptionally(failure)
    }

    private fun settled(batch: TopicBatch) {
        batch.outbox.batch = null
        batch.publications.forEach(::release)
    }

    private fun release(publication: PendingPublication) {
        if (publication.isReleased.compareAndSet(false, true)) capacity.release(publication.envelope.size)
    }

    private fun makeReady(outbox: TopicOutbox) {
        if (outbox.isReady || !outbox.hasWork) return
        outbox.isReady = true
        ready += outbox
    }

    /**
     * Forgets topics that are not published to, and their confirmed positions. A later publisher is a new one.
     *
     * @param used topics to keep: if Redis has lost a confirmed publication, the next one reports that, whenever it is
     */
    fun sweep(used: Set<String>) {
        synchronized(this) {
            topics.values.removeAll { outbox ->
                if (outbox.topic in used) return@removeAll false
                val isIdle = outbox.batch == null && outbox.waiting.isEmpty() && outbox.nextSequence == outbox.swept
                outbox.swept = outbox.nextSequence
                isIdle
            }
        }
    }

    /** Ends all waits: the server has ended. */
    fun close() {
        val all =
            synchronized(this) {
                isClosed = true
                plain.all + topics.values.flatMap { it.waiting + it.batch?.publications.orEmpty() }
            }
        for (publication in all) {
            val reason = "the broker has ended, because the server has"
            val failure =
                if (publication.wasSent) {
                    RedisBrokerException.Unknown("$reason; the message may be delivered")
                } else {
                    RedisBrokerException.Unavailable(reason)
                }
            publication.done.completeExceptionally(failure)
        }
    }

    private companion object {
        /** Publications in one call of the script: enough to share its costs, few enough not to delay other topics. */
        const val MAX_BATCH = 100
        const val MAX_BATCH_BYTES = 256 * 1024
    }
}
