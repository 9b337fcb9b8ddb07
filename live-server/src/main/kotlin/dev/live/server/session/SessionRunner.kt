package dev.live.server.session

import dev.live.protocol.CloseCode
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
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

/** What an endpoint does with a session. */
internal interface SessionHandler<Meta : Any> {
    /** The session for this connection, in the scope it lives in. */
    fun create(scope: CoroutineScope): Session<Meta>

    /** Whether the session may begin; otherwise why not. Called once, before anything is read. */
    suspend fun open(session: Session<Meta>): CloseReason?

    /** Whether the session may send a ping or a pong now; it is asked for each. */
    fun admitsControl(session: Session<Meta>): Boolean

    /** Carries out one message; the next one is read when it returns. */
    suspend fun handle(session: Session<Meta>, data: Inbound.Data)

    /** Called once, when the session has ended and before it leaves its topics. Must not wait for anything. */
    fun leaving(session: Session<Meta>) {}

    /** Called once, when the session is out of every topic and registry. */
    suspend fun closed(session: Session<Meta>, reason: CloseReason)
}

/**
 * Runs one session from handshake to close, and returns when nothing of it is left.
 *
 * The scope is the block in [run] and nothing outlives it: whichever of reader, writer, handlers and the application's
 * own coroutines fails first cancels the others.
 */
internal class SessionRunner<Meta : Any>(
    private val socket: Socket,
    private val handler: SessionHandler<Meta>,
    private val settings: SessionSettings,
    private val now: () -> Long,
) {
    suspend fun run() {
        var session: Session<Meta>? = null
        val connection = currentCoroutineContext().job
        val reason =
            try {
                coroutineScope {
                    val created = handler.create(this)
                    created.state.connection = connection
                    session = created
                    val reason = converse(created)
                    coroutineContext.cancelChildren()
                    reason
                }
            } catch (_: CancellationException) {
                val text = if (connection.isCancelled) "the server stops" else "the session was cancelled"
                session?.state?.endReason ?: CloseReason(CloseCode.GoingAway, text, byClient = false)
            } catch (e: Throwable) {
                // an assertion in a coroutine of the application must not leave the session in its topics either
                session?.state?.endReason ?: failed(session, e)
            }
        withContext(NonCancellable) { finish(session, reason) }
        currentCoroutineContext().ensureActive() // the session's end was no cancellation of its caller, but this may be
    }

    /**
     * Returns once the writer has run dry after the session's end, or the session was not to begin; every other end
     * cancels the scope. The writer comes first, so that there is room for what is sent at the opening.
     */
    private suspend fun CoroutineScope.converse(session: Session<Meta>): CloseReason {
        val written = Job()
        socket.pump(this, session.state.queue, session.state) { failure ->
            // also when it was flushing its last words, which now have nowhere to go
            if (failure != null) session.state.end(BROKEN, flush = false)
            written.complete()
        }
        handler.open(session)?.let { refusal ->
            session.state.end(refusal, flush = true)
            // in no registry, and so in nobody's sight but this
            withTimeoutOrNull(settings.closeTimeout) { written.join() }
            return refusal
        }
        launch(socket.readerContext + CoroutineName("live-reader")) { read(session) }
        try {
            written.join()
        } finally {
            socket.stopReading()
        }
        return session.state.endReason ?: error("unreachable: the writer ended without a reason")
    }

    private suspend fun read(session: Session<Meta>) {
        val state = session.state
        try {
            while (true) {
                state.awaitRoom() // so that a client is never too slow for the answers to its own messages
                if (state.endReason != null) break // a session that says its last words listens no more
                when (val inbound = socket.read() ?: break) {
                    is Inbound.Data -> {
                        if (state.endReason != null) break // it ended while it waited for this
                        state.handling()
                        handler.handle(session, inbound)
                    }
                    is Inbound.Ping -> pong(session, inbound)
                    is Inbound.Pong -> handler.admitsControl(session)
                    is Inbound.Close -> return endByClient(state, closedByClient(inbound.code))
                }
                state.heard(now())
            }
            if (state.endReason == null) state.end(BROKEN, flush = false)
        } catch (e: SocketViolation) {
            state.end(CloseReason(e.code, e.message.orEmpty(), byClient = false), flush = true)
        }
    }

    private suspend fun pong(session: Session<Meta>, ping: Inbound.Ping) {
        if (!handler.admitsControl(session)) return
        session.state.handling() // it may have to wait for room, as any answer
        session.state.queue.send(OutboundFrame(Opcode.Pong, ping.payload))
    }

    /** What came before the client's close frame has been handled: the answers are written before the close frame. */
    private suspend fun endByClient(state: SessionState, reason: CloseReason) {
        state.hasClientClosed = true
        state.end(reason, flush = true)
        delay(settings.handlerTimeout) // cancelled when the writer has run dry
        state.cut(reason)
    }

    /** First everything that cannot suspend for long, so that nobody else is held up by a client that is. */
    private suspend fun finish(session: Session<Meta>?, reason: CloseReason) {
        if (session != null) {
            session.state.end(reason, flush = false)
            session.state.queue.cancel()
            handler.leaving(session)
            session.requests?.end()
            session.state.inTurn { session.state.memberships.leaveAll() } // after whoever lets it join something now
        }
        coroutineScope {
            launch { close(reason, answering = reason.byClient || session?.state?.hasClientClosed == true) }
            if (session != null) handler.closed(session, reason)
        }
    }

    /** @param answering whether the client has closed too, and so owes no close frame */
    private suspend fun close(reason: CloseReason, answering: Boolean) {
        try {
            if (reason.code != CloseCode.Abnormal) {
                withTimeoutOrNull(settings.closeTimeout) {
                    socket.close(reason.code.wire, reason.reason, answering)
                }
            }
        } catch (_: IOException) {
            // gone already, which is what was wanted
        } catch (e: CancellationException) {
            throw e
        } catch (e: Throwable) {
            // a failure of the transport's must not keep the end of the session from whoever waits for it
            log.error("A connection could not be closed in order, and was dropped.", e)
        } finally {
            socket.abort()
        }
    }

    private fun failed(session: Session<Meta>?, cause: Throwable): CloseReason {
        log.error("Session {} failed.", session?.id, cause)
        return CloseReason(CloseCode.Internal, "internal error", byClient = false)
    }

    /** The reasons of clients are not echoed. */
    private fun closedByClient(code: Int): CloseReason =
        CloseReason(if (code == NO_CODE) CloseCode.Normal else CloseCode.of(code), "", byClient = true)

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.session")

        const val NO_CODE = 1005

        val BROKEN = CloseReason(CloseCode.Abnormal, "the connection broke", byClient = true)
    }
}
