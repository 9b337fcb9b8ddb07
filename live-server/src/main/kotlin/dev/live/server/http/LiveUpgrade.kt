package dev.live.server.http

import dev.live.server.transport.FastPath
import dev.live.server.transport.FrameLimits
import dev.live.server.transport.KtorSocket
import dev.live.server.transport.Socket
import io.ktor.http.Headers
import io.ktor.http.HttpHeaders
import io.ktor.http.content.OutgoingContent
import io.ktor.http.headers
import io.ktor.http.websocket.websocketServerAccept
import io.ktor.server.application.ApplicationCall
import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.ByteWriteChannel
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import java.io.IOException
import kotlin.coroutines.ContinuationInterceptor
import kotlin.coroutines.CoroutineContext

/**
 * A connection that its endpoint has accepted.
 *
 * It exists as long as the connection, and there are many of them, so it keeps nothing of the HTTP call in memory.
 */
internal interface AcceptedConnection {
    /**
     * Runs a session on [socket] until the session has ended completely.
     *
     * @throws IOException if the connection was lost before the session was created
     */
    suspend fun serve(socket: Socket)

    /** Called once, after the connection has ended completely. */
    fun ended()
}

/**
 * The HTTP response that upgrades a connection to a WebSocket and serves the [connection].
 *
 * The session runs in the scope of the [server], not in the call: on some engines the call is complete by then. If
 * [fastPath] takes over the connection, the call ends, and Ktor releases its memory.
 *
 * Does not use Ktor's `WebSockets` plugin: the application may install it for other routes with other settings.
 */
internal class LiveUpgrade(
    handshake: Handshake.Accepted,
    private val limits: FrameLimits,
    private val fastPath: FastPath,
    private val call: ApplicationCall,
    private val server: CoroutineScope,
    private val connection: AcceptedConnection,
) : OutgoingContent.ProtocolUpgrade() {
    override val headers: Headers =
        headers {
            append(HttpHeaders.Upgrade, "websocket")
            append(HttpHeaders.Connection, "Upgrade")
            append(HttpHeaders.SecWebSocketAccept, websocketServerAccept(handshake.key))
            handshake.subprotocol?.let { append(HttpHeaders.SecWebSocketProtocol, it) }
            handshake.extension?.let { append(HttpHeaders.SecWebSocketExtensions, it) }
        }

    /** Whether the engine has started the upgrade; the end of the connection is then guaranteed to be reported. */
    @Volatile
    var isStarted: Boolean = false
        private set

    override suspend fun upgrade(
        input: ByteReadChannel,
        output: ByteWriteChannel,
        engineContext: CoroutineContext,
        userContext: CoroutineContext,
    ): Job {
        val isTest = call.isFromTestHost()
        val fast = fastPath.socketFor(call, input, limits)
        val end = if (fast == null) fastPath.outputCloser(call) else null
        isStarted = true
        if (fast != null) {
            run(fast, server, Dispatchers.Default, connection)
            return Job().apply { complete() } // the engine releases the connection at once
        }
        val dispatcher = if (isTest) Dispatchers.Default else sessionDispatcher(engineContext)
        val socket =
            KtorSocket(input, output, limits, isMasked = !isTest, readerContext = dispatcher, closeOutput = end)
        return run(socket, server, dispatcher, connection)
    }
}

/**
 * The dispatcher of a session: the engine's I/O dispatcher, because live's own work is short and handlers have their
 * own dispatcher. `Dispatchers.IO`, which CIO uses, is replaced: its up to 64 threads are meant for blocking calls and
 * would compete for the same cores.
 */
internal fun sessionDispatcher(engine: CoroutineContext): CoroutineContext {
    val dispatcher = engine[ContinuationInterceptor]
    return if (dispatcher == null || dispatcher === Dispatchers.IO) Dispatchers.Default else dispatcher
}

/** A top-level function, so that the session's coroutine does not keep the call in memory. */
@OptIn(DelicateCoroutinesApi::class)
private fun run(
    socket: Socket,
    owner: CoroutineScope,
    dispatcher: CoroutineContext,
    connection: AcceptedConnection,
): Job =
    // atomic: the end of the connection is reported even if the owner was cancelled before the launch
    owner.launch(dispatcher + SESSION_NAME, CoroutineStart.ATOMIC) {
        try {
            ensureActive()
            connection.serve(socket)
        } catch (_: IOException) {
            // the connection was lost before the session was created
        } finally {
            try {
                socket.abort()
            } finally {
                connection.ended() // releases the permit, also if the transport fails
            }
        }
    }

/** Shared, like every object that all sessions can use. */
private val SESSION_NAME = CoroutineName("live-session")
