package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.server.dialect.ServerEvent
import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.PreparedMessage
import dev.live.server.transport.WriteListener
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater
import kotlin.coroutines.CoroutineContext

/**
 * The mutable internal state of a session. One file, because ending the session concerns all of it.
 *
 * @param scope the session's coroutine scope
 */
internal class SessionState(private val scope: CoroutineContext, private val runtime: SessionRuntime) :
    SuspendingLock(),
    WriteListener {
    val queue = SessionQueue(runtime.settings.queueBound)

    /** The reason why the session ends, or null while it is open. Written once, by [setEndReason]. */
    @Volatile
    var endReason: CloseReason? = null
        private set

    /**
     * The job of the whole connection, which outlives the session until the close handshake ends. Set before the
     * session is registered.
     */
    lateinit var connection: Job

    /**
     * When the last frame was received from the client, in the server's milliseconds, or [HANDLING]. Written by the
     * reader, read by the sweeper.
     */
    @Volatile
    private var lastReceived: Long = runtime.now()

    /**
     * Runs this session's handlers; null until the first one. Written by the reader, or by a coroutine it waits for.
     */
    var timeoutScope: HandlerTimeoutScope? = null

    /** When the current write began, or [IDLE]. Written by the writer, read by the sweeper. */
    @Volatile
    private var writingSince: Long = IDLE

    /** Sequence number of the last write, and of the last write that found the client's socket full. */
    @Volatile
    private var writeCount = 0

    @Volatile
    private var blockedWrite = 0

    /** See [WriteListener.writeStarted]. Written before [writingSince], which publishes it. */
    private var reportsBlockedWrites = true

    /**
     * Whether the client's close frame was read, even while the session was ending. Written by the reader, read after
     * it has ended.
     */
    var hasClientClosed: Boolean = false

    /** When the session's token expires; null if never. Written by the reader, read by the sweeper. */
    @Volatile
    var expiry: Expiry? = null

    /** When the last ping was sent. Only accessed by the sweeper. */
    private var lastPing: Long = lastReceived

    /**
     * Ends the session for [reason]; only the first reason counts.
     *
     * @param flush whether queued messages are still written, followed by [goodbye]
     */
    fun end(reason: CloseReason, flush: Boolean, goodbye: PreparedMessage? = goodbyeFor(reason)) {
        if (!setEndReason(reason)) return
        if (flush) {
            try {
                if (goodbye != null) queue.offer(goodbye.frameFor(runtime.slot), isBurst = true)
            } finally {
                queue.close() // the session ends when the writer has emptied the queue
            }
        } else {
            queue.cancel()
            cancelScope()
        }
    }

    /** Ends the session's coroutines. This may run application code. */
    fun cancelScope(): Unit = scope.cancel(SessionEndedException())

    /** Like [cancelScope], for threads that must not wait for application code, such as event loops. */
    fun cancelScopeDetached(): Unit = runtime.topics.launchDetached(::cancelScope)

    /**
     * A `goodbye` repeats the close reason in a message, because many WebSocket libraries report 1012 and 1013 as 1002
     * or 1006.
     */
    private fun goodbyeFor(reason: CloseReason): PreparedMessage? {
        if (reason.byClient) return null
        val reconnectWindow =
            when (reason.code) {
                CloseCode.Restart -> runtime.settings.reconnectWindow
                CloseCode.TryAgainLater -> RETRY_LATER_WINDOW
                else -> return null
            }
        return PreparedMessage(goodbyeMessage(reason, reconnectWindow), runtime.dialects)
    }

    /** Ends the session for [reason] at once, even while it writes its last frames. */
    fun abort(reason: CloseReason) {
        end(reason, flush = false)
        queue.cancel()
        cancelScope()
    }

    /** A frame was received from the client, and no handler is running. */
    fun markReceived(now: Long) {
        lastReceived = now
    }

    /** A handler is running. No frame is read meanwhile, and the handler has its own timeout. */
    fun markHandling() {
        lastReceived = HANDLING
    }

    /**
     * Replaces the token's expiry with [renewed], null for none; returns false if the old token has already expired.
     * Only called by the reader.
     */
    fun renew(renewed: Expiry?): Boolean {
        val old = expiry
        if (old?.claim() == false) return false
        if (old != null) renewed?.inheritNotification(old)
        expiry = renewed
        return true
    }

    /** How long the client has not accepted the current write, in milliseconds at [now]; 0 if there is no write. */
    fun writingFor(now: Long): Long = writingSince.let { if (it == IDLE) 0 else (now - it).coerceAtLeast(0) }

    override fun writeStarted(reportsBlocked: Boolean): Int {
        writeCount++ // only the writer writes it
        reportsBlockedWrites = reportsBlocked
        writingSince = runtime.now()
        return writeCount
    }

    override fun writeBlocked(number: Int) {
        blockedWrite = number
        queue.signal() // senders must not wait for a blocked client
    }

    override fun writeCompleted() {
        writingSince = IDLE
    }

    /** Whether the client accepts no more bytes. If not, a full queue only waits for its writer to run. */
    val isBlocked: Boolean
        get() {
            val since = writingSince
            if (since == IDLE) return false
            if (blockedWrite == writeCount) return true
            // not for a transport that reports it: the write of a reading client can take as long on a busy machine
            return !reportsBlockedWrites && runtime.now() - since >= BLOCKED_AFTER_MILLIS
        }

    /**
     * Offers [message], and ends the session if its client is too slow; returns false if the message was not accepted.
     */
    fun deliver(message: PreparedMessage): Boolean {
        val frame = message.frameFor(runtime.slot)
        val result = queue.offer(frame)
        return if (result == OfferResult.Full) deliverToFull(frame) else result == OfferResult.Accepted
    }

    /**
     * Like [deliver], for a [frame] that found the queue full. Accepts it above the queue's bound while the client is
     * not [isBlocked], or if it [isReply]: a client is never closed because of replies to its own requests.
     */
    fun deliverToFull(frame: OutboundFrame, isReply: Boolean = false): Boolean {
        if (isReply || !isBlocked) {
            val result = queue.offer(frame, isBurst = true)
            if (result != OfferResult.Full) return result == OfferResult.Accepted
        }
        endForOverflow()
        return false
    }

    /** Ends the session because its queue overflowed. */
    private fun endForOverflow() {
        check(runtime.settings.onOverflow == OverflowPolicy.Close) { "unreachable: there is no other policy" }
        if (!setEndReason(OVERFLOWED)) return
        val lost = queue.count + 1 // the waiting messages and the rejected one
        queue.cancel()
        runtime.topics.counters.dropped(OverflowPolicy.Close.toString(), lost)
        cancelScopeDetached()
    }

    /** Replies to a ping of the client. Suspends while the queue is full, like any reply. */
    suspend fun sendPong(payload: ByteArray) {
        queue.send(runtime.dialect.encode(ServerEvent.Pong(payload)))
    }

    /** Waits until the writer has run, or the client is known to be slow. */
    suspend fun awaitWriter() {
        queue.awaitHalfEmptyOr { isBlocked }
    }

    /** Waits until there is capacity for the replies to the client's next message. */
    suspend fun awaitQueueSpace() {
        if (queue.isHalfEmpty) return
        markHandling() // no frame is read meanwhile
        queue.awaitHalfEmptyOrWritten()
        markReceived(runtime.now())
    }

    /** Checks every timeout of this session. Only called by the sweeper. */
    fun sweep(now: Long) {
        val settings = runtime.settings
        val writing = writingSince
        if (writing != IDLE && now - writing >= settings.writeTimeout.inWholeMilliseconds) {
            val text = "client accepted no bytes for ${settings.writeTimeout}"
            abort(CloseReason(CloseCode.SlowConsumer, text, byClient = false))
            return
        }
        expiry?.let { sweep(it, now) }
        val received = lastReceived
        if (received == HANDLING) return
        val idle = now - received
        if (idle >= settings.heartbeatTimeout.inWholeMilliseconds) {
            val text = "no frame received for ${settings.heartbeatTimeout}"
            end(CloseReason(CloseCode.HeartbeatTimeout, text, byClient = false), flush = false)
            return
        }
        val interval = settings.heartbeatInterval.inWholeMilliseconds
        if (idle >= interval && now - lastPing >= interval) {
            lastPing = now
            // a full queue needs no ping: the write timeout covers it
            queue.offer(runtime.dialect.encode(ServerEvent.Ping))
        }
    }

    private fun sweep(expiry: Expiry, now: Long) {
        if (now >= expiry.at) {
            val reason = CloseReason(CloseCode.NotAuthenticated, Expiry.TOKEN_EXPIRED, byClient = false)
            if (expiry.claim()) end(reason, flush = true)
        } else if (expiry.isWarningDue(now)) {
            val frame = runtime.encode(ServerEvent.Sent(expiry.message(now)))
            expiry.isNotified = queue.offer(frame) == OfferResult.Accepted // if it is full, the next sweep tries again
        }
    }

    /** Returns false if the session already ends for another reason. */
    private fun setEndReason(reason: CloseReason): Boolean = END_REASON.compareAndSet(this, null, reason)

    companion object {
        // an updater, to avoid one object per session
        private val END_REASON =
            AtomicReferenceFieldUpdater.newUpdater(SessionState::class.java, CloseReason::class.java, "endReason")

        private const val IDLE = -1L
        private const val HANDLING = -1L

        /** A write that takes longer has found a full socket, on transports that do not report one. */
        private const val BLOCKED_AFTER_MILLIS = 100L
        private val OVERFLOWED = CloseReason(CloseCode.SlowConsumer, "session queue overflowed", byClient = false)
    }
}

/** Cancels a session's scope after [SessionState.end] has set the reason. */
internal class SessionEndedException : CancellationException("the session has ended") {
    override fun fillInStackTrace(): Throwable = this // control flow only, thrown once per session
}
