package dev.live.server.http

import dev.live.protocol.CloseCode
import dev.live.server.dispatch.Dispatcher
import dev.live.server.dispatch.FirstMessageAuth
import dev.live.server.dispatch.HandlerGuard
import dev.live.server.dispatch.Tokens
import dev.live.server.dispatch.TopicCommands
import dev.live.server.endpoint.EndpointSpec
import dev.live.server.frame.NativePool
import dev.live.server.frame.wellFormed
import dev.live.server.session.CloseReason
import dev.live.server.session.InboundHandler
import dev.live.server.session.Session
import dev.live.server.session.SessionHandler
import dev.live.server.session.SessionRunner
import dev.live.server.session.SessionRuntime
import dev.live.server.session.TopicSubscription
import dev.live.server.transport.FrameLimits
import dev.live.server.transport.InflatingSocket
import dev.live.server.transport.Socket
import dev.live.server.transport.watchDisconnect
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import io.ktor.server.plugins.origin
import io.ktor.server.response.respond
import io.ktor.server.response.respondText
import kotlinx.coroutines.CoroutineScope
import java.io.IOException
import java.security.SecureRandom
import java.util.zip.Inflater
import kotlin.time.Clock

/** Handles the HTTP requests of one endpoint: rejects a request, or runs a session on it. */
internal class EndpointServer<Meta : Any>(
    private val endpoint: EndpointSpec<Meta>,
    private val context: EndpointContext,
) {
    private val limits = context.limits
    private val guard = HandlerGuard(context.sessionSettings.handlerTimeout, context.handlers, context.scope)
    private val tokens = Tokens(endpoint, limits.expiryWarning, context.now)
    private val counters = context.topics.counters

    /** Handlers run inside the guarded call of the interceptor, if there is one. */
    private val handlerGuard =
        if (endpoint.intercept == null) {
            guard
        } else {
            HandlerGuard(context.sessionSettings.handlerTimeout, context.handlers, context.scope, isNested = true)
        }
    private val commands = TopicCommands(endpoint.topics, handlerGuard, context.topics)

    /** By slot of the session's dialect, for all sessions that request no topic in their URL. */
    private val runtimes = List(context.topics.dialects.size) { runtime(it) }

    /** Checks run in the order that the protocol specifies, cheapest first; `authenticate` runs last. */
    suspend fun handle(call: ApplicationCall) {
        val disconnect = call.watchDisconnect()
        val handshake =
            when (val result = handshake(call, context.topics.dialects)) {
                is HttpRejection -> return reject(call, result)
                is Handshake.Accepted -> result
            }
        val permit = ConnectionPermit(context)
        permit.acquire(call)?.let { return reject(call, it) }
        var upgrade: LiveUpgrade? = null
        try {
            upgrade = authenticate(call, handshake, permit)
            if (upgrade != null) {
                context.fastPath.expectHalfClose(call)
                call.respondIfConnected(disconnect) { call.respond(upgrade) }
            }
        } finally {
            if (upgrade?.isStarted != true) permit.close()
        }
    }

    /** The upgrade for an accepted client. Null if the request has been rejected and the response sent. */
    private suspend fun authenticate(
        call: ApplicationCall,
        handshake: Handshake.Accepted,
        permit: ConnectionPermit,
    ): LiveUpgrade? {
        val meta =
            when (val identity = context.identify(call, endpoint)) {
                is HttpRejection -> {
                    permit.close()
                    return null.also { reject(call, identity) }
                }
                is Identity.Authenticated -> identity.meta
                is Identity.Pending -> null
            }
        val connection = Connection(runtimes[handshake.slot], meta, call.request.origin.remoteAddress, permit)
        val inflaters = context.compression?.inflaters?.takeIf { handshake.extension != null }
        if (inflaters == null) {
            return LiveUpgrade(handshake, limits.frames, context.fastPath, call, context.scope, connection)
        }
        val frames = context.compressedFrames
        val inflating = InflatingConnection(connection, inflaters, frames, call.request.origin.remoteAddress)
        return LiveUpgrade(handshake, frames, context.fastPath, call, context.scope, inflating)
    }

    /**
     * Runs a session on [socket] until the session has ended completely. Its caller owns the permit.
     *
     * @param slot of the session's dialect
     * @param meta null if the client authenticates in its first message
     * @param streamTopic the topic that a client of server-sent events has requested; null for other clients
     */
    suspend fun serve(socket: Socket, slot: Int, meta: Meta?, address: String, streamTopic: String? = null) {
        try {
            Connection(runtime(slot, streamTopic), meta, address, permit = null).serve(socket)
        } catch (_: IOException) {
            // the connection was lost before the session was created
        } finally {
            socket.abort()
        }
    }

    private fun runtime(slot: Int, streamTopic: String? = null) =
        SessionRuntime(context.sessionSettings, context.topics, slot, streamTopic, context.now)

    private suspend fun reject(call: ApplicationCall, rejection: HttpRejection) {
        if (rejection.status == HttpStatusCode.UpgradeRequired) call.addUpgradeHeaders()
        if (rejection.status == HttpStatusCode.Unauthorized) call.addChallengeHeader()
        call.respondText(rejection.reason.wellFormed(), status = rejection.status)
    }

    /**
     * One connection, and the endpoint's part in the lifecycle of its session. One object is both, because a server has
     * many of them.
     *
     * @param meta null if the client authenticates in its first message
     * @param permit closed at the end of the connection; null if its owner closes it
     */
    private inner class Connection(
        private val runtime: SessionRuntime,
        private var meta: Meta?,
        private val address: String,
        private val permit: ConnectionPermit?,
        private val dispatcher: Dispatcher<Meta> =
            Dispatcher(endpoint, commands, tokens, limits, guard, context.now, counters),
    ) : AcceptedConnection,
        SessionHandler<Meta>,
        InboundHandler<Meta> by dispatcher {
        private var transport = ""

        /** Whether the session was accepted. Otherwise the application is not notified of its end. */
        private var isOpened = false

        /** Subscriptions at the end of the session to topics that declare `onUnsubscribe`. */
        private var lastSubscriptions = emptyList<TopicSubscription<Meta>>()

        // The last calls of `serve` and `run` are tail calls: neither waits for the end of the session, which would
        // take memory for its state. `authenticateAndRun` does, for sessions that authenticate in their first message.
        override suspend fun serve(socket: Socket) {
            if (meta == null) authenticateAndRun(socket) else run(socket)
        }

        private suspend fun authenticateAndRun(socket: Socket) {
            val verify = endpoint.authenticateByMessage ?: return
            meta = FirstMessageAuth<Meta>(socket, runtime.dialect, limits, context.handlers, verify).await() ?: return
            run(socket)
        }

        private suspend fun run(socket: Socket) {
            transport = socket.transport
            SessionRunner(socket, this, context.sessionSettings, context.now).run()
        }

        override fun ended() {
            permit?.close()
        }

        override fun create(scope: CoroutineScope): Session<Meta> {
            val meta = meta ?: error("unreachable: a session is created for an authenticated client")
            val user = endpoint.user?.invoke(meta)
            val start = Clock.System.now()
            val coroutines = scope.coroutineContext
            return Session(newSessionId(), meta, user, address, start, transport, runtime, coroutines, commands)
        }

        override suspend fun open(session: Session<Meta>): CloseReason? {
            if (!context.sessions.add(session, limits.maxSessionsPerUser)) {
                val reason = "session limit reached: at most ${limits.maxSessionsPerUser} sessions per user"
                return CloseReason(CloseCode.TryAgainLater, reason, byClient = false)
            }
            // Checked after the session is registered: either this check or the drain closes the session.
            if (context.isDraining()) return CloseReason(CloseCode.Restart, DRAINING, byClient = false)
            tokens.begin(session)?.let { return it }
            session.user?.let { dispatcher.limiter.user = context.users?.retain(it, context.now()) }
            isOpened = true
            counters.sessionOpened(session.id)
            return dispatcher.opened(session)
        }

        override fun beforeUnsubscribe(session: Session<Meta>) {
            lastSubscriptions = commands.subscriptionsWithHook(session)
        }

        override suspend fun closed(session: Session<Meta>, reason: CloseReason) {
            if (dispatcher.limiter.user != null) session.user?.let { context.users?.release(it) }
            context.sessions.remove(session)
            if (!isOpened) return
            counters.sessionClosed(session.id, reason.code)
            commands.sessionEnded(lastSubscriptions)
            dispatcher.closed(session, reason)
        }
    }

    /** A [connection] that has negotiated compression. */
    private class InflatingConnection(
        private val connection: AcceptedConnection,
        private val inflaters: NativePool<Inflater>,
        private val frames: FrameLimits,
        private val address: String,
    ) : AcceptedConnection by connection {
        override suspend fun serve(socket: Socket): Unit =
            connection.serve(InflatingSocket(socket, inflaters, frames, address))
    }

    private companion object {
        const val DRAINING = "server restart"
    }
}

/** 128 random bits. The id must not be guessable, because it gives access to the session. */
internal fun newSessionId(): String {
    val bytes = ByteArray(SESSION_ID_BYTES)
    secureRandom.nextBytes(bytes)
    return bytes.toHexString()
}

private const val SESSION_ID_BYTES = 16
private val secureRandom = SecureRandom()
