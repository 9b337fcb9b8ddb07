package dev.live.server.transport

import io.netty.channel.Channel
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.coroutines.intrinsics.COROUTINE_SUSPENDED
import kotlin.coroutines.intrinsics.intercepted
import kotlin.coroutines.intrinsics.suspendCoroutineUninterceptedOrReturn

/**
 * The received messages of a Netty channel, for the reader of its session. A subclass instead of a field, to avoid one
 * object per session.
 *
 * Without [readers], the reader runs on the event loop, which resumes it in place. With [readers], it takes messages on
 * their threads, and a message that it waits for is dispatched to one of them.
 */
internal class NettyInput(private val loop: NettyLoop, private val readers: CoroutineDispatcher?) : InboundQueue() {
    /** Set when the socket is added to the channel's pipeline. */
    lateinit var channel: Channel

    /** Messages that the reader has taken since it last waited or yielded. Only accessed by the reader. */
    private var taken = 0

    val readerContext: CoroutineContext get() = readers ?: loop.dispatcher

    /** See [Socket.receive]. */
    suspend fun receive(): Inbound? =
        if (loop.isCurrent) {
            pollAndResume() ?: awaitCancellable()
        } else {
            withContext(loop.dispatcher) { pollAndResume() ?: awaitCancellable() }
        }

    /** See [Socket.read]. Allocates nothing for a message that arrives while the reader waits. */
    suspend fun read(): Inbound? =
        when {
            readers != null -> if (taken++ < MAX_TAKEN) pollAndResume() ?: awaitNext() else yieldAndRead()
            loop.isCurrent -> pollAndResume() ?: awaitNext()
            else -> withContext(loop.dispatcher) { pollAndResume() ?: awaitNext() }
        }

    // another thread may resume the reader before this has returned: then it must change nothing after [pollOrAwait]
    private suspend fun awaitNext(): Inbound? =
        suspendCoroutineUninterceptedOrReturn { reader ->
            taken = 0
            val next = pollOrAwait(if (readers == null) reader else reader.intercepted())
            if (next !== COROUTINE_SUSPENDED) resumeChannel() // it was added since the queue was empty
            next
        }

    private suspend fun awaitCancellable(): Inbound? = suspendCancellableCoroutine { await(it) }

    /** A client that always has the next message ready must not keep a thread from others. */
    private suspend fun yieldAndRead(): Inbound? {
        yield()
        taken = 0
        return read()
    }

    fun stopReading() {
        if (loop.isCurrent) stop() else loop.dispatcher.dispatch(EmptyCoroutineContext, ::stop)
    }

    private fun pollAndResume(): Inbound? {
        val next = poll() ?: return null
        resumeChannel()
        return next
    }

    /** Reads from the channel again if the reader has taken enough messages. Called by the reader. */
    private fun resumeChannel() {
        if (!isPaused || !tryResume()) return
        if (loop.isCurrent) updateAutoRead() else loop.dispatcher.dispatch(EmptyCoroutineContext, ::updateAutoRead)
    }

    /** Reads from the channel unless the queue is full. Only called by the event loop, where no newer state is lost. */
    fun updateAutoRead(): Unit = setAutoRead(!isPaused)

    /** Starts or stops reading from the channel. Only called by the event loop. */
    fun setAutoRead(enabled: Boolean) {
        val config = channel.config()
        if (config.isAutoRead != enabled) config.isAutoRead = enabled
    }

    private companion object {
        /** Maximum messages that a reader takes on a thread of [readers] before others get the thread. */
        const val MAX_TAKEN = 16
    }
}
