package dev.live.client.connection

import dev.live.client.topic.Outbox
import dev.live.client.topic.Pings
import dev.live.client.topic.Router
import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.UpgradeRejectedException
import dev.live.client.transport.Wire
import dev.live.client.transport.isCertificateError
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

/** Time without a message after which the client sends a ping, and after which it closes the connection. */
internal class HeartbeatSettings(val interval: Duration, val timeout: Duration)

/** The immutable settings of all connections of a client. */
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
 * Keeps one connection open: connects, restores the subscriptions, exchanges messages until the connection ends,
 * waits, and reconnects. There is never more than one connection. Runs on the client's dispatcher.
 */
internal class ConnectionLoop(
    private val settings: ConnectionSettings,
    private val transport: Transport,
    private val tokens: TokenProvider,
    private val renewal: TokenRenewal,
    private val outbox: Outbox,
    private val router: Router,
    private val pings: Pings,
    private val conditions: DeviceConditions,
) {
    private val states = MutableStateFlow<ConnectionState>(ConnectionState.Connecting(attempt = 0))
    private val reconnection = Reconnection(settings.reconnect, tokens.canRefresh, settings.random)
    private val timer =
        ReconnectTimer(conditions, settings.timeSource, ::isConnecting) { states.value = it }

    /** The current connection, or the connection of the last attempt; null if that attempt opened none. */
    private var connection: Connection? = null

    val state: StateFlow<ConnectionState> = states.asStateFlow()

    private val isConnecting: Boolean get() = states.value is ConnectionState.Connecting

    /** Runs until the server, the token or the reconnect policy ends the loop, and returns the cause. */
    suspend fun run(): DisconnectCause {
        while (true) {
            currentCoroutineContext().ensureActive() // the client may be closed before the first attempt
            timer.awaitReady(reconnection.attempt)
            states.value = ConnectionState.Connecting(reconnection.attempt)
            val end = timer.run { connectOnce() }
            if (end == null) { // aborted because of the device conditions
                if (connection?.isStable == true) reconnection.resetAttempts()
                continue
            }
            if (end.cause.rule == ReconnectRule.FreshToken) tokens.reject()
            val delay = reconnection.delayAfter(end) ?: return end.cause
            timer.await(delay, reconnection.attempt, end.cause)
        }
    }

    /** Sets the final state. */
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
                        pings,
                        renewal,
                        conditions,
                        settings.heartbeat,
                        settings.timeSource,
                    )
                connection = opened
                opened.endWith(runConnection(wire, opened, codec))
            }
        } catch (e: NoTokenException) {
            return ConnectionEnd(e.disconnectCause)
        } catch (e: UpgradeRejectedException) {
            return ConnectionEnd(DisconnectCause.UpgradeRejected(e))
        } catch (e: Exception) {
            currentCoroutineContext().ensureActive() // throws if the client was closed
            return connection?.endWith(DisconnectCause.ConnectionLost(e)) ?: ConnectionEnd(connectFailure(e))
        }
    }

    private fun connectFailure(error: Exception): DisconnectCause =
        when {
            isCertificateError(error) -> DisconnectCause.CertificateRejected(error)
            else -> DisconnectCause.Unreachable(error)
        }

    private suspend fun runConnection(wire: Wire, connection: Connection, codec: Codec): DisconnectCause {
        states.value = ConnectionState.Connected(settings.timeSource.markNow(), codec.subprotocol)
        router.connected()
        var cause: DisconnectCause? = null
        try {
            return connection.run().also { cause = it }
        } finally {
            router.disconnected((cause as? DisconnectCause.ClosedByServer)?.code)
            withContext(NonCancellable) {
                withTimeoutOrNull(CLOSE_TIMEOUT) { wire.close(CloseCode.Normal, "") }
            }
        }
    }

    private suspend fun headers(): Map<String, String> {
        val token = tokens.next() ?: return settings.headers
        return settings.headers + ("Authorization" to "Bearer $token")
    }

    /** Without a subprotocol in the response, the server uses JSON, if the client offered it. */
    private fun codecOf(subprotocol: String?): Codec {
        val name = subprotocol ?: JSON_SUBPROTOCOL
        return settings.codecs.find { it.subprotocol == name }
            ?: throw UpgradeRejectedException(
                SWITCHING_PROTOCOLS,
                "the server selected ${subprotocol ?: "no subprotocol"}, " +
                    "the client offered ${settings.codecs.map { it.subprotocol }}",
            )
    }

    private companion object {
        val CLOSE_TIMEOUT = 2.seconds
        const val JSON_SUBPROTOCOL = "live.v1.json"
        const val SWITCHING_PROTOCOLS = 101
    }
}
