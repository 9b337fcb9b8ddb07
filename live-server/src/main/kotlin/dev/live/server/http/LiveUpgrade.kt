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
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import kotlin.coroutines.ContinuationInterceptor
import kotlin.coroutines.CoroutineContext

/**
 * The HTTP response that upgrades a connection to a WebSocket and runs [serve] on it.
 *
 * The session runs in the scope of the [server], not in the call: on some engines the call is complete by then. If
 * [fastPath] takes over the connection, the call ends, and Ktor releases its memory. [onEnd] is called once, after the
 * connection has ended completely.
 *
 * Does not use Ktor's `WebSockets` plugin: the application may install it for other routes with other settings.
 */
internal class LiveUpgrade(
    handshake: Handshake.Accepted,
    private val limits: FrameLimits,
    private val fastPath: FastPath,
    private val call: ApplicationCall,
    private val server: CoroutineScope,
    private val onEnd: () -> Unit,
    private val serve: suspend (Socket) -> Unit,
) : OutgoingContent.ProtocolUpgrade() {
    override val headers: Headers =
        headers {
            append(HttpHeaders.Upgrade, "websocket")
            append(HttpHeaders.Connection, "Upgrade")
            append(HttpHeaders.SecWebSocketAccept, websocketServerAccept(handshake.key))
            handshake.subprotocol?.let { append(HttpHeaders.SecWebSocketProtocol, it) }
            handshake.extension?.let { append(HttpHeaders.SecWebSocketExtensions, it) }
        }

    /** Whether the engine has started the upgrade; [onEnd] is then guaranteed to be called. */
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
            run(fast, server, Dispatchers.Default, serve, onEnd)
            return Job().apply { complete() } // the engine releases the connection at once
        }
        val dispatcher = if (isTest) Dispatchers.Default else sessionDispatcher(engineContext)
        val socket =
            KtorSocket(input, output, limits, isMasked = !isTest, readerContext = dispatcher, closeOutput = end)
        return run(socket, server, dispatcher, serve, onEnd)
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
private fun run(
    socket: Socket,
    owner: CoroutineScope,
    dispatcher: CoroutineContext,
    serve: suspend (Socket) -> Unit,
    onEnd: () -> Unit,
): Job {
    val job = owner.launch(dispatcher + CoroutineName("live-session")) { serve(socket) }
    job.invokeOnCompletion {
        socket.abort() // also if the owner was cancelled before the launch
        onEnd()
    }
    return job
}
