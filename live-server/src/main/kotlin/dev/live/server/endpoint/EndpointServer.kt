package dev.live.server.endpoint

import dev.live.protocol.CloseCode
import dev.live.server.broker.Broker
import dev.live.server.frame.wellFormed
import dev.live.server.limits.AddressCounter
import dev.live.server.limits.LimitSettings
import dev.live.server.limits.UserRates
import dev.live.server.session.CloseReason
import dev.live.server.session.Session
import dev.live.server.session.SessionHandler
import dev.live.server.session.SessionRegistry
import dev.live.server.session.SessionRunner
import dev.live.server.session.SessionRuntime
import dev.live.server.session.SessionSettings
import dev.live.server.topic.TopicRegistry
import dev.live.server.transport.FastPath
import dev.live.server.transport.Inbound
import dev.live.server.transport.Socket
import dev.live.server.transport.watchDisconnect
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import io.ktor.server.plugins.origin
import io.ktor.server.response.respond
import io.ktor.server.response.respondText
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import java.io.IOException
import java.security.SecureRandom
import kotlin.time.Clock

/** What an endpoint needs of its server. */
internal class EndpointContext(
    val sessions: SessionRegistry,
    val topics: TopicRegistry,
    val broker: Broker,
    val sessionSettings: SessionSettings,
    val limits: LimitSettings,
    val fastPath: FastPath,
    val scope: CoroutineScope,
    val handlers: CoroutineDispatcher,
    val isDraining: () -> Boolean,
    val now: () -> Long,
) {
    /** The rates of users over all endpoints; null where there is no limit on them. */
    val users: UserRates? = if (limits.userMessages.isUnlimited) null else UserRates(limits.userMessages)

    /** Connections per address over all endpoints; null where there is no limit on them. */
    val addresses: AddressCounter? = limits.maxConnectionsPerAddress.takeIf { it < Int.MAX_VALUE }?.let(::AddressCounter)

    /** Pages that were refused, over all endpoints and the admin page. */
    val refusedOrigins = RefusedOrigins(now)
}

/** Answers the requests for one endpoint: refuses them, or runs a session on each. */
internal class EndpointServer<Meta : Any>(
    private val endpoint: LiveEndpoint<Meta>,
    private val context: EndpointContext,
) {
    private val limits = context.limits
    private val guard = HandlerGuard(context.sessionSettings.handlerTimeout, context.handlers, context.scope)
    private val tokens = Tokens(endpoint, guard, limits.expiryWarning, context.now)
    private val counters = context.topics.counters

    /** The same topics as server-sent events, where the endpoint declares that. */
    val streams: EventStreams<Meta>? = endpoint.streams?.let { EventStreams(endpoint, context, this, it) }

    /** Within an interceptor's call there is a guard already. */
    private val inner =
        if (endpoint.intercept == null) {
            guard
        } else {
            HandlerGuard(context.sessionSettings.handlerTimeout, context.handlers, context.scope, isNested = true)
        }
    private val commands =
        TopicCommands(
            endpoint.topics,
            context.broker,
            context.sessionSettings.maxTopics,
            inner,
            context.topics,
        )

    /** The checks come in the order that the protocol names: the cheapest first, and nobody is asked in vain. */
    suspend fun answer(call: ApplicationCall) {
        val disconnect = call.watchDisconnect()
        val handshake =
            when (val result = handshake(call, context.topics.codecs)) {
                is Handshake.Refused -> return refuse(call, result.status, result.reason)
                is Handshake.Accepted -> result
            }
        val place = ConnectionPermit(context)
        place.refusal(call)?.let { return refuse(call, it.status, it.reason) }
        var upgrade: LiveUpgrade? = null
        try {
            upgrade = admit(call, handshake, place)
            if (upgrade != null) {
                context.fastPath.expectHalves(call)
                call.respondIfConnected(disconnect) { call.respond(upgrade) }
            }
        } finally {
            if (upgrade?.isStarted != true) place()
        }
    }

    /** The upgrade for a client that may come in, or null: then it has been answered. */
    private suspend fun admit(call: ApplicationCall, handshake: Handshake.Accepted, place: ConnectionPermit): LiveUpgrade? {
        val meta =
            when (val result = place.identify(call, endpoint)) {
                is Identity.Refused -> {
                    place()
                    return null.also { refuse(call, result.status, result.reason) }
                }
                is Identity.Known -> result.meta
                is Identity.Awaited -> null
            }
        val address = call.request.origin.remoteAddress
        val codecSlot = handshake.codecSlot // and not the handshake, for as long as the connection lasts
        return LiveUpgrade(handshake, limits.frames, context.fastPath, call, context.scope, place) { socket ->
            serve(socket, codecSlot, meta, address)
        }
    }

    /** Runs a session on [socket], for whoever is [known] or says so in a message, until nothing of it is left. */
    suspend fun serve(socket: Socket, codecSlot: Int, known: Meta?, address: String) {
        try {
            val verify = endpoint.authenticateByMessage
            val meta =
                known
                    ?: verify?.let { firstMessageAuth(socket, codecSlot, it).await() }
                    ?: return
            val handler = Handler(meta, codecSlot, address, socket.transport)
            SessionRunner(socket, handler, context.sessionSettings, context.now).run()
        } catch (_: IOException) {
            // the connection broke before there was a session that could have been told
        } finally {
            socket.abort()
        }
    }

    private fun firstMessageAuth(socket: Socket, codecSlot: Int, verify: suspend (String) -> Meta?) =
        FirstMessageAuth<Meta>(socket, context.topics.codecs[codecSlot], limits, context.handlers, verify)

    private suspend fun refuse(call: ApplicationCall, status: HttpStatusCode, reason: String) {
        if (status == HttpStatusCode.UpgradeRequired) call.namesUpgrade()
        if (status == HttpStatusCode.Unauthorized) call.challenge()
        call.respondText(reason.wellFormed(), status = status)
    }

    /** The life of one session, as far as the endpoint has a say in it. */
    private inner class Handler(
        private val meta: Meta,
        private val codecSlot: Int,
        private val address: String,
        private val transport: String,
    ) : SessionHandler<Meta> {
        private val dispatcher = Dispatcher(endpoint, commands, tokens, limits, guard, context.now, counters)

        /** A session that was not let in is none that the application hears the end of. */
        private var isOpened = false

        /** What it was in when it ended, where the application wants to know. */
        private var left = emptyList<TopicPlace<Meta, *>>()

        override fun create(scope: CoroutineScope): Session<Meta> {
            val runtime = SessionRuntime(context.sessionSettings, context.topics, codecSlot, commands, context.now)
            val user = endpoint.user?.invoke(meta)
            val since = Clock.System.now()
            return Session(newSessionId(), meta, user, address, since, transport, runtime, scope.coroutineContext)
        }

        override suspend fun open(session: Session<Meta>): CloseReason? {
            if (!context.sessions.add(session, limits.maxSessionsPerUser)) {
                val reason = "a user may have at most ${limits.maxSessionsPerUser} sessions"
                return CloseReason(CloseCode.TryAgainLater, reason, byClient = false)
            }
            // looked at after adding: whichever of this and the drain is later sees the other
            if (context.isDraining()) return CloseReason(CloseCode.Restart, DRAINING, byClient = false)
            tokens.begin(session)?.let { return it }
            session.user?.let { dispatcher.limiter.user = context.users?.join(it, context.now()) }
            isOpened = true
            counters.sessionOpened(session.id)
            return dispatcher.opened(session)
        }

        override fun admitsControl(session: Session<Meta>): Boolean = dispatcher.admitsControl(session)

        override suspend fun handle(session: Session<Meta>, data: Inbound.Data) = dispatcher.dispatch(session, data)

        override fun leaving(session: Session<Meta>) {
            left = commands.placesToLeave(session)
        }

        override suspend fun closed(session: Session<Meta>, reason: CloseReason) {
            if (dispatcher.limiter.user != null) session.user?.let { context.users?.leave(it) }
            context.sessions.remove(session)
            if (!isOpened) return
            counters.sessionClosed(session.id, reason.code)
            commands.left(session, left)
            dispatcher.closed(session, reason)
        }
    }

    private companion object {
        const val DRAINING = "the server restarts"
    }
}

/** 128 random bits, which nobody can guess: an id finds a session for whoever knows it. */
internal fun newSessionId(): String {
    val bytes = ByteArray(SESSION_ID_BYTES)
    secureRandom.nextBytes(bytes)
    return bytes.toHexString()
}

private const val SESSION_ID_BYTES = 16
private val secureRandom = SecureRandom()
