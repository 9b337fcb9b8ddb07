package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.CodecTable
import dev.live.server.topic.PreparedMessage
import dev.live.server.topic.TopicRegistry
import dev.live.server.transport.WriteWatch
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import java.util.concurrent.atomic.AtomicReference
import kotlin.time.Duration

/**
 * What a session has from its server: settings, the topics, the codec it speaks, what its endpoint declares and a clock
 * in milliseconds.
 */
internal class SessionRuntime(
    val settings: SessionSettings,
    val topics: TopicRegistry,
    val codecSlot: Int,
    val places: TopicPlaces? = null,
    val now: () -> Long,
) {
    val codecs: CodecTable get() = topics.codecs
    val codec: Codec get() = codecs[codecSlot]
}

/** The moving parts of a [session], which the application does not see. */
internal class SessionState(val session: Session<*>, private val runtime: SessionRuntime) :
    MembershipTurn(),
    WriteWatch {
    val queue = SessionQueue(runtime.settings.queueCapacity, runtime.settings.queueBytes, runtime.codecSlot)

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
    var lane: HandlerLane? = null

    /** When the write in progress began, or [IDLE]. Written by the writer, read by the sweeper. */
    @Volatile
    private var writingSince: Long = IDLE

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
     * @param flush whether what waits in the queue is still written
     */
    fun end(why: CloseReason, flush: Boolean) {
        if (!reason.compareAndSet(null, why)) return
        if (flush) {
            queue.close() // the writer runs dry, and that ends the session
        } else {
            queue.cancel()
            session.cancel(SessionEndedException())
        }
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

    override fun writing() {
        writingSince = runtime.now()
    }

    override fun written() {
        writingSince = IDLE
    }

    /** Offers [message], and ends the session if its queue is full; false if it was not taken. */
    fun deliver(message: PreparedMessage): Boolean {
        val offer = queue.offer(message)
        if (offer == Offer.Full) overflowed()
        return offer == Offer.Taken
    }

    /** Ends the session because its queue was full. */
    fun overflowed() {
        check(runtime.settings.onOverflow == OverflowPolicy.Close) { "unreachable: there is no other policy" }
        if (!reason.compareAndSet(null, OVERFLOWED)) return
        val lost = queue.count + 1 // what waits, and the one that found no room
        queue.cancel()
        runtime.topics.tally.dropped(OverflowPolicy.Close.toString(), lost)
        // not here: cancelling may run code of the application, and this is the fan-out of a topic
        runtime.topics.aside { session.cancel(SessionEndedException()) }
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
        private val OVERFLOWED = CloseReason(CloseCode.SlowConsumer, "the queue overflowed", byClient = false)
        private val PING = OutboundFrame(Opcode.Ping, ByteArray(0))
    }
}

/** Cancels a session's scope when [SessionState.end] has said why. */
internal class SessionEndedException : CancellationException("the session has ended") {
    override fun fillInStackTrace(): Throwable = this // a signal, thrown once per session
}
