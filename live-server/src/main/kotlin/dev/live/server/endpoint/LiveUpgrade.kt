package dev.live.server.endpoint

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
 * The answer that turns an HTTP connection into a socket, and runs [serve] on it.
 *
 * The session is the [server]'s and not the call's: on some engines the call is complete by then and runs nothing more.
 * The call of a connection that [fastPath] takes over ends, and with it goes all that Ktor keeps for one. [onEnd] is
 * called once, when nothing of the connection is left.
 *
 * Ktor's `WebSockets` plugin is not involved: an application may have it for other routes, with settings of its own.
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
            handshake.offered?.let { append(HttpHeaders.SecWebSocketProtocol, it) }
        }

    /** Whether the engine has carried out the upgrade: from then on [onEnd] is certain. */
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
        val fast = fastPath.take(call, input, limits)
        val end = if (fast == null) fastPath.outputEnd(call) else null
        isStarted = true
        if (fast != null) {
            run(fast, server, Dispatchers.Default, serve, onEnd)
            return Job().apply { complete() } // the engine lets go of the connection at once
        }
        val where = if (isTest) Dispatchers.Default else placeOf(engineContext)
        val socket = KtorSocket(input, output, limits, isMasked = !isTest, readerContext = where, endOutput = end)
        return run(socket, server, where, serve, onEnd)
    }
}

/**
 * Where an engine moves bytes: live's own work is short, and handlers run elsewhere. But not among the up to 64 threads
 * of `Dispatchers.IO`, CIO's place, which are there for what blocks, and take turns on the same cores.
 */
internal fun placeOf(engine: CoroutineContext): CoroutineContext {
    val dispatcher = engine[ContinuationInterceptor]
    return if (dispatcher == null || dispatcher === Dispatchers.IO) Dispatchers.Default else dispatcher
}

/** Apart from the upgrade, so that nothing in here holds its call. */
private fun run(
    socket: Socket,
    owner: CoroutineScope,
    where: CoroutineContext,
    serve: suspend (Socket) -> Unit,
    onEnd: () -> Unit,
): Job {
    val job = owner.launch(where + CoroutineName("live-session")) { serve(socket) }
    job.invokeOnCompletion {
        socket.abort() // also where the owner had ended already, and nothing was run
        onEnd()
    }
    return job
}
