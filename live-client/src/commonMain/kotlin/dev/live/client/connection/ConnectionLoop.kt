package dev.live.client.connection

import dev.live.client.topic.Outbox
import dev.live.client.topic.Router
import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.UpgradeRefusedException
import dev.live.client.transport.Wire
import dev.live.client.transport.isOfCertificate
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.ReconnectRule
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/** When to ask a silent server for a sign of life, and when to stop waiting for one. */
internal class HeartbeatSettings(val interval: Duration, val timeout: Duration)

/** What the connection loop is told once. */
internal class ConnectionSettings(
    val url: String,
    val codecs: List<Codec>,
    val headers: Map<String, String>,
    val reconnect: ReconnectPolicy,
    val heartbeat: HeartbeatSettings,
    val timeSource: TimeSource,
    val random: Random,
)

/**
 * Keeps one connection: connects, restores what is subscribed to, pumps messages until it ends, waits, and again. There
 * are never two. Runs on the client's dispatcher.
 */
internal class ConnectionLoop(
    private val settings: ConnectionSettings,
    private val transport: Transport,
    private val bearer: Bearer,
    private val renewal: Renewal,
    private val outbox: Outbox,
    private val router: Router,
    private val surroundings: DeviceConditions,
) {
    private val states = MutableStateFlow<ConnectionState>(ConnectionState.Connecting(attempt = 0))
    private val reconnection = Reconnection(settings.reconnect, bearer.canRefresh, settings.random)
    private val patience =
        ReconnectTimer(surroundings, settings.timeSource, ::isConnecting) { states.value = it }

    /** The connection that there is, or was last. */
    private var connection: Connection? = null

    val state: StateFlow<ConnectionState> = states.asStateFlow()

    private val isConnecting: Boolean get() = states.value is ConnectionState.Connecting

    /** Runs until the server, the token or the policy ends it, and returns what it was. */
    suspend fun run(): DisconnectCause {
        while (true) {
            currentCoroutineContext().ensureActive() // closed before its first step, it takes none
            patience.awaitWriter(reconnection.attempt)
            states.value = ConnectionState.Connecting(reconnection.attempt)
            val end = patience.attempt { connectOnce() }
            if (end == null) { // the surroundings ended it
                if (connection?.isProven == true) reconnection.startAnew()
                continue
            }
            if (end.cause.rule == ReconnectRule.FreshToken) bearer.refuse()
            val wait = reconnection.waitAfter(end) ?: return end.cause
            patience.sitOut(wait, reconnection.attempt, end.cause)
        }
    }

    /** Makes [cause] the last state. */
    fun closed(cause: DisconnectCause) {
        states.value = ConnectionState.Closed(cause)
    }

    private suspend fun connectOnce(): ConnectionEnd {
        connection = null
        try {
            val request = ConnectRequest(settings.url, settings.codecs.map { it.subprotocol }, headers())
            return transport.connect(request) { wire ->
                val codec = codecOf(wire.subprotocol)
                val opened =
                    Connection(
                        wire,
                        codec,
                        router,
                        outbox,
                        renewal,
                        surroundings,
                        settings.heartbeat,
                        settings.timeSource,
                    )
                connection = opened
                opened.endedBy(pump(wire, opened, codec))
            }
        } catch (e: NoTokenException) {
            return ConnectionEnd(e.why)
        } catch (e: UpgradeRefusedException) {
            return ConnectionEnd(DisconnectCause.UpgradeRefused(e))
        } catch (e: Exception) {
            currentCoroutineContext().ensureActive() // throws if it is the client that was closed
            return connection?.endedBy(DisconnectCause.ConnectionLost(e)) ?: ConnectionEnd(notReached(e))
        }
    }

    private fun notReached(error: Exception): DisconnectCause =
        if (isOfCertificate(error)) DisconnectCause.CertificateRejected(error) else DisconnectCause.Unreachable(error)

    private suspend fun pump(wire: Wire, connection: Connection, codec: Codec): DisconnectCause {
        states.value = ConnectionState.Connected(settings.timeSource.markNow(), codec.subprotocol)
        router.connected()
        var end: DisconnectCause? = null
        try {
            return connection.run().also { end = it }
        } finally {
            router.disconnected((end as? DisconnectCause.ClosedByServer)?.code)
            withContext(NonCancellable) {
                withTimeoutOrNull(GOODBYE_TIMEOUT) { wire.close(CloseCode.Normal, "") }
            }
        }
    }

    private suspend fun headers(): Map<String, String> {
        val token = bearer.next() ?: return settings.headers
        return settings.headers + ("Authorization" to "Bearer $token")
    }

    /** A server that names no subprotocol speaks JSON, if that was offered. */
    private fun codecOf(subprotocol: String?): Codec {
        val name = subprotocol ?: JSON_SUBPROTOCOL
        return settings.codecs.find { it.subprotocol == name }
            ?: throw UpgradeRefusedException(
                SWITCHING_PROTOCOLS,
                "it chose ${subprotocol ?: "no subprotocol"}, offered were ${settings.codecs.map { it.subprotocol }}",
            )
    }

    private companion object {
        val GOODBYE_TIMEOUT = 2.seconds
        const val JSON_SUBPROTOCOL = "live.v1.json"
        const val SWITCHING_PROTOCOLS = 101
    }
}
