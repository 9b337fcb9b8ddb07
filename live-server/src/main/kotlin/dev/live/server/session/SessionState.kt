package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.PreparedMessage
import dev.live.server.transport.WriteWatch
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import java.util.concurrent.atomic.AtomicReference
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** The moving parts of a [session], which the application does not see. */
internal class SessionState(val session: Session<*>, private val runtime: SessionRuntime) :
    SuspendingLock(),
    WriteWatch {
    val queue = SessionQueue(runtime.settings.queueBound, runtime.codecSlot)

    val memberships = Memberships(session, runtime)

    private val reason = AtomicReference<CloseReason?>()

    /** Why the session ends, or null while it does not. */
    val endReason: CloseReason? get() = reason.get()

    /** The whole connection, which outlives the session by its last words. Set before the session is registered. */
    lateinit var connection: Job

    /**
     * When the client was last heard, in the server's milliseconds, or [HANDLING]. Written by the reader, read by the
     * sweeper.
     */
    @Volatile
    private var lastHeard: Long = runtime.now()

    /** Where handlers of this session's messages run, once one did. Written by the reader, or by what it waits for. */
    var lane: HandlerTimeoutScope? = null

    /** When the write in progress began, or [IDLE]. Written by the writer, read by the sweeper. */
    @Volatile
    private var writingSince: Long = IDLE

    /** The number of the last write, and of the last that found the client's socket full. */
    @Volatile
    private var writes = 0

    @Volatile
    private var blockedWrite = 0

    /** The client's close frame was read, even if the session was ending by then. Written by the reader, read after it. */
    var hasClientClosed: Boolean = false

    /** When the session's token runs out, if it does. Written by the reader, read by the sweeper. */
    @Volatile
    var expiry: Expiry? = null

    /** When the last ping was sent. Only accessed by the sweeper. */
    private var lastPing: Long = lastHeard

    /** How long joining or leaving may take where no handler's timeout holds. */
    val changeTimeout: Duration get() = runtime.settings.handlerTimeout

    val places: TopicPlaces
        get() = runtime.places ?: error("unreachable: every session of an endpoint knows what that declares")

    /** What a membership of [topic] carries; throws if the session may not join it. */
    fun placeFor(topic: String): Any = places.placeFor(topic, memberships.count)

    /**
     * Ends the session for [why]; only the first reason counts.
     *
     * @param flush whether what waits in the queue is still written, and [goodbye] behind it
     */
    fun end(why: CloseReason, flush: Boolean, goodbye: PreparedMessage? = goodbyeBefore(why)) {
        if (!reason.compareAndSet(null, why)) return
        if (flush) {
            try {
                if (goodbye != null) queue.offerSurge(goodbye)
            } finally {
                queue.close() // the writer runs dry, and that ends the session
            }
        } else {
            queue.cancel()
            session.cancel(SessionEndedException())
        }
    }

    /** What a client is told in words, because many a WebSocket library reports 1012 and 1013 as 1002 or 1006. */
    private fun goodbyeBefore(why: CloseReason): PreparedMessage? {
        if (why.byClient) return null
        val window =
            when (why.code) {
                CloseCode.Restart -> runtime.settings.reconnectWindow
                CloseCode.TryAgainLater -> LATER
                else -> return null
            }
        return PreparedMessage(goodbyeMessage(why, window), runtime.codecs)
    }

    /** Ends the session for [why] even while it is writing its last words. */
    fun cut(why: CloseReason) {
        end(why, flush = false)
        queue.cancel()
        session.cancel(SessionEndedException())
    }

    /** The client was heard, and no handler is at work. */
    fun heard(now: Long) {
        lastHeard = now
    }

    /** A handler is at work: nothing is read meanwhile, so nothing can be heard, and it has a timeout of its own. */
    fun handling() {
        lastHeard = HANDLING
    }

    /** A fresh token runs out at [fresh], or never; false if it came too late. Called by the reader alone. */
    fun renew(fresh: Expiry?): Boolean {
        val old = expiry
        if (old?.settle() == false) return false
        if (old != null) fresh?.replaces(old)
        expiry = fresh
        return true
    }

    /** For how many milliseconds the client has not taken what is being written, at [now]; 0 if nothing is. */
    fun writingFor(now: Long): Long = writingSince.let { if (it == IDLE) 0 else (now - it).coerceAtLeast(0) }

    override fun writing(): Int {
        writes++ // nobody else writes it
        writingSince = runtime.now()
        return writes
    }

    override fun blocked(number: Int) {
        blockedWrite = number
        queue.signal() // nobody is to wait for this client
    }

    override fun written() {
        writingSince = IDLE
    }

    /** Whether the client does not take what is written to it. Otherwise a full queue waits for its writer's turn. */
    val isBlocked: Boolean
        get() {
            val since = writingSince
            return since != IDLE && (blockedWrite == writes || runtime.now() - since >= LONGEST_WRITE_MILLIS)
        }

    /** Offers [message], and ends the session if its client is too slow for it; false if it was not taken. */
    fun deliver(message: PreparedMessage): Boolean {
        val offer = queue.offer(message)
        return if (offer == Offer.Full) deliverToFull(message) else offer == Offer.Taken
    }

    /**
     * As [deliver], of a [message] that found the queue full: takes it above the queue's bound as long as the client is
     * not [isBlocked], or if it [isAnswer], for a client is never closed for what it asked for itself.
     */
    fun deliverToFull(message: PreparedMessage, isAnswer: Boolean = false): Boolean {
        if (isAnswer || !isBlocked) {
            val offer = queue.offerSurge(message)
            if (offer != Offer.Full) return offer == Offer.Taken
        }
        overflowed()
        return false
    }

    /** Ends the session because its queue was full. */
    private fun overflowed() {
        check(runtime.settings.onOverflow == OverflowPolicy.Close) { "unreachable: there is no other policy" }
        if (!reason.compareAndSet(null, OVERFLOWED)) return
        val lost = queue.count + 1 // what waits, and the one that found no room
        queue.cancel()
        runtime.topics.counters.dropped(OverflowPolicy.Close.toString(), lost)
        // not here: cancelling may run code of the application, and this is the fan-out of a topic
        runtime.topics.aside { session.cancel(SessionEndedException()) }
    }

    /** Waits until the writer has had its turn, or the client is known to be slow. */
    suspend fun awaitWriter() {
        queue.awaitRoomOr { isBlocked }
    }

    /** Waits until there is room for what the next message of the client may be answered with. */
    suspend fun awaitRoom() {
        if (queue.isHalfEmpty) return
        handling() // nothing is read meanwhile
        queue.awaitTurnover()
        heard(runtime.now())
    }

    /** Looks at the clock for everything about this session that can run out. Called by the sweeper alone. */
    fun sweep(now: Long) {
        val settings = runtime.settings
        val writing = writingSince
        if (writing != IDLE && now - writing >= settings.writeTimeout.inWholeMilliseconds) {
            cut(CloseReason(CloseCode.SlowConsumer, "took no bytes for ${settings.writeTimeout}", byClient = false))
            return
        }
        expiry?.let { sweep(it, now) }
        val heard = lastHeard
        if (heard == HANDLING) return
        val silent = now - heard
        if (silent >= settings.heartbeatTimeout.inWholeMilliseconds) {
            val text = "nothing heard for ${settings.heartbeatTimeout}"
            end(CloseReason(CloseCode.HeartbeatTimeout, text, byClient = false), flush = false)
            return
        }
        val interval = settings.heartbeatInterval.inWholeMilliseconds
        if (silent >= interval && now - lastPing >= interval) {
            lastPing = now
            queue.offer(PING) // a full queue needs no ping: the write timeout watches it
        }
    }

    private fun sweep(expiry: Expiry, now: Long) {
        if (now >= expiry.at) {
            val reason = CloseReason(CloseCode.NotAuthenticated, Expiry.RAN_OUT, byClient = false)
            if (expiry.settle()) end(reason, flush = true)
        } else if (expiry.isDue(now)) {
            expiry.isAnnounced = session.trySend(expiry.message(now)) // where there was no room, at the next look
        }
    }

    companion object {
        private const val IDLE = -1L
        private const val HANDLING = -1L

        /** A write that takes longer found a full socket, also where the transport cannot say so at once. */
        private const val LONGEST_WRITE_MILLIS = 100L
        private val OVERFLOWED = CloseReason(CloseCode.SlowConsumer, "the queue overflowed", byClient = false)
        private val LATER = 5.seconds..10.seconds
        private val PING = OutboundFrame(Opcode.Ping, ByteArray(0))
    }
}

/** Cancels a session's scope when [SessionState.end] has said why. */
internal class SessionEndedException : CancellationException("the session has ended") {
    override fun fillInStackTrace(): Throwable = this // a signal, thrown once per session
}
