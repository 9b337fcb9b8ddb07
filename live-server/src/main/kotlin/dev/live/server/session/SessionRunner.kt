package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.server.transport.Inbound
import dev.live.server.transport.Socket
import dev.live.server.transport.SocketViolation
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.io.IOException

/** Handles the frames of a client. Only called by its session's reader. */
internal interface InboundHandler<Meta : Any> {
    /** Returns whether the session may send a ping or a pong now; called for each one. */
    fun admitsControl(session: Session<Meta>): Boolean

    /** Handles one message; the next one is read when this returns. */
    suspend fun handle(session: Session<Meta>, data: Inbound.Data)
}

/** The endpoint's callbacks for a session. */
internal interface SessionHandler<Meta : Any> : InboundHandler<Meta> {
    /** Creates the session for this connection in [scope]. */
    fun create(scope: CoroutineScope): Session<Meta>

    /** Returns null if the session may start, else the reason to close it. Called once, before the first read. */
    suspend fun open(session: Session<Meta>): CloseReason?

    /** Called once, after the session has ended and before it unsubscribes from its topics. Must not block. */
    fun beforeUnsubscribe(session: Session<Meta>) {}

    /** Called once, after the session has unsubscribed from all topics. Removes the session from the registry. */
    suspend fun closed(session: Session<Meta>, reason: CloseReason)
}

/**
 * Runs one session from handshake to close, and returns when all its coroutines have ended.
 *
 * The scope is the block in [run]; no coroutine outlives it. The first failure of the reader, the writer, a handler or
 * an application coroutine cancels the others.
 */
internal class SessionRunner<Meta : Any>(
    private val socket: Socket,
    private val handler: SessionHandler<Meta>,
    private val settings: SessionSettings,
    private val now: () -> Long,
) {
    /** Null before the handler has created it. */
    private var session: Session<Meta>? = null

    suspend fun run() {
        val connection = currentCoroutineContext().job
        val reason =
            try {
                coroutineScope { start(connection) }
                session?.state?.endReason ?: error("unreachable: the session ended without a reason")
            } catch (_: CancellationException) {
                val text = if (connection.isCancelled) "server shutdown" else "session cancelled"
                session?.state?.endReason ?: CloseReason(CloseCode.GoingAway, text, byClient = false)
            } catch (e: Throwable) {
                // an AssertionError in an application coroutine must not leave the session in its topics either
                session?.state?.endReason ?: internalError(session, e)
            }
        withContext(NonCancellable) { finish(session, reason) }
        // the end of the session does not cancel the caller, but the caller may be cancelled
        currentCoroutineContext().ensureActive()
    }

    /**
     * Starts the writer and the reader of the session, or ends a rejected session. The writer starts first, so that
     * there is capacity for messages sent while opening.
     *
     * The scope ends when the writer has written all frames after the end of the session; every other end cancels it
     * earlier. No coroutine waits for that: its state would take 200 bytes per session.
     */
    private suspend fun CoroutineScope.start(connection: Job) {
        val session = handler.create(this)
        session.state.connection = connection
        this@SessionRunner.session = session
        val writer = Job(coroutineContext.job)
        socket.pump(this, session.state.queue, session.state) { failure ->
            // also if the writer fails while it flushes the last frames, which can no longer be delivered
            if (failure != null) session.state.end(CONNECTION_LOST, flush = false)
            writer.complete()
        }
        handler.open(session)?.let { rejection ->
            session.state.end(rejection, flush = true) // a reason that its handler has set comes first
            // the sweeper does not limit this wait: a rejected session may not be in the registry
            withTimeoutOrNull(settings.closeTimeout) { writer.join() }
            coroutineContext.cancelChildren()
            return
        }
        launch(socket.readerContext + READER_NAME) { read(session) }
        // also if something else ends the scope, which cancels the writer's job
        writer.invokeOnCompletion { writerEnded() }
    }

    private fun writerEnded() {
        socket.stopReading()
        session?.state?.cancelScopeDetached()
    }

    // inline, so that the state of the reader's coroutine is one object, not two
    @Suppress("NOTHING_TO_INLINE")
    private suspend inline fun read(session: Session<Meta>) {
        val state = session.state
        try {
            while (true) {
                state.awaitQueueSpace() // so that replies to the client's own messages do not overflow its queue
                if (state.endReason != null) break // the session writes its last frames and reads no more
                when (val inbound = socket.read() ?: break) {
                    is Inbound.Data -> {
                        if (state.endReason != null) break // the session ended during the wait for this message
                        state.markHandling()
                        handler.handle(session, inbound)
                    }
                    is Inbound.Ping -> pong(session, inbound)
                    is Inbound.Pong -> handler.admitsControl(session)
                    is Inbound.Close -> return endByClient(state, closedByClient(inbound.code))
                }
                state.markReceived(now())
            }
            if (state.endReason == null) state.end(CONNECTION_LOST, flush = false)
        } catch (e: SocketViolation) {
            state.end(CloseReason(e.code, e.message.orEmpty(), byClient = false), flush = true)
        }
    }

    private suspend fun pong(session: Session<Meta>, ping: Inbound.Ping) {
        if (!handler.admitsControl(session)) return
        session.state.markHandling() // sending a pong may wait for capacity
        session.state.sendPong(ping.payload)
    }

    /**
     * Ends the session after the client's close frame. Earlier messages have been handled: their replies are written
     * before the server's close frame.
     */
    private suspend fun endByClient(state: SessionState, reason: CloseReason) {
        state.hasClientClosed = true
        state.end(reason, flush = true)
        delay(settings.handlerTimeout) // cancelled when the writer has written all frames
        state.abort(reason)
    }

    /** Runs the steps that cannot suspend for long first, so that a slow client does not delay others. */
    private suspend fun finish(session: Session<Meta>?, reason: CloseReason) {
        if (session != null) {
            session.state.end(reason, flush = false)
            session.state.queue.cancel()
            handler.beforeUnsubscribe(session)
            session.requests?.close()
            // the lock waits for a concurrent subscription by the server
            session.state.withLock { session.subscriptions.unsubscribeAll() }
        }
        coroutineScope {
            launch { close(reason, closeReceived = reason.byClient || session?.state?.hasClientClosed == true) }
            if (session != null) handler.closed(session, reason)
        }
    }

    /** @param closeReceived whether the client's close frame has already been received */
    private suspend fun close(reason: CloseReason, closeReceived: Boolean) {
        try {
            if (reason.code != CloseCode.Abnormal) {
                withTimeoutOrNull(settings.closeTimeout) {
                    socket.close(reason.code.wire, reason.reason, closeReceived)
                }
            }
        } catch (_: IOException) {
            // already disconnected
        } catch (e: CancellationException) {
            throw e
        } catch (e: Throwable) {
            // a failure in the transport must not hide the end of the session from its waiters
            log.error("The close handshake failed. The connection is dropped.", e)
        } finally {
            socket.abort()
        }
    }

    private fun internalError(session: Session<Meta>?, cause: Throwable): CloseReason {
        log.error("Session {} failed. It is closed with 1011.", session?.id, cause)
        return CloseReason(CloseCode.Internal, "internal error", byClient = false)
    }

    /** The client's reason is not sent back to it. */
    private fun closedByClient(code: Int): CloseReason =
        CloseReason(if (code == NO_STATUS_CODE) CloseCode.Normal else CloseCode.of(code), "", byClient = true)

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.session")

        const val NO_STATUS_CODE = 1005

        /** Shared, like every object that all sessions can use. */
        val READER_NAME = CoroutineName("live-reader")

        val CONNECTION_LOST = CloseReason(CloseCode.Abnormal, "connection lost", byClient = true)
    }
}
