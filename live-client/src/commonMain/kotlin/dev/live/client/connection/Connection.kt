package dev.live.client.connection

import dev.live.client.topic.Outbox
import dev.live.client.topic.Pings
import dev.live.client.topic.Router
import dev.live.client.transport.MessageTooLargeException
import dev.live.client.transport.Wire
import dev.live.client.transport.WireClosedException
import dev.live.client.transport.WireEvent
import dev.live.protocol.BadPayloadException
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.ExpiringData
import dev.live.protocol.GoodbyeData
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.dropWhile
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.launch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/**
 * An open connection: a reader, a writer and a heartbeat, until the first of them ends. Only used on the client's
 * dispatcher.
 */
internal class Connection(
    private val wire: Wire,
    private val codec: Codec,
    private val router: Router,
    private val outbox: Outbox,
    private val pings: Pings,
    private val renewal: TokenRenewal,
    private val conditions: DeviceConditions,
    heartbeat: HeartbeatSettings,
    timeSource: TimeSource,
) {
    private val openedAt = timeSource.markNow()
    private val checkRequestsBefore = conditions.state.value.checkRequests
    private val heartbeat = Heartbeat(heartbeat.interval, heartbeat.timeout, timeSource, pings::send)
    private val window = SendWindow(MAX_BYTES_IN_FLIGHT, pings::withRef)
    private var renewing: Job? = null

    /** Messages received from the server, except `goodbye`. */
    private var messagesReceived = 0
    private var goodbye: GoodbyeData? = null

    /** Whether the connection has been open for [STABLE_AFTER] and has received a message. */
    val isStable: Boolean get() = messagesReceived > 0 && openedAt.elapsedNow() >= STABLE_AFTER

    /** The result of this connection after a disconnect with [cause]. */
    fun endWith(cause: DisconnectCause): ConnectionEnd = ConnectionEnd(cause, isStable, goodbye)

    /** Runs the connection and returns the cause of its end. */
    suspend fun run(): DisconnectCause =
        try {
            coroutineScope {
                launch(CoroutineName("live-writer")) { write() }
                launch(CoroutineName("live-heartbeat")) { heartbeat.run() }
                launch(CoroutineName("live-probe")) { probe() }
                read().also { currentCoroutineContext().cancelChildren() }
            }
        } catch (e: HeartbeatTimeoutException) {
            DisconnectCause.HeartbeatTimeout(e.after)
        } catch (e: MessageTooLargeException) {
            val reason = "a message exceeded the maxMessageSize of ${e.limit} bytes"
            wire.close(CloseCode.TooLarge, reason)
            DisconnectCause.ProtocolError("$reason; it must be at least 4/3 of the server's maxMessageSize plus 1 KiB")
        } catch (e: UndecodableException) {
            wire.close(CloseCode.ProtocolViolated, e.reason)
            DisconnectCause.ProtocolError(e.reason)
        }

    /** Checks the connection whenever [conditions] request it. */
    private suspend fun probe() {
        conditions.state
            .map { it.checkRequests }
            .distinctUntilChanged()
            .dropWhile { it == checkRequestsBefore }
            .collect { heartbeat.probe() }
    }

    private suspend fun CoroutineScope.read(): DisconnectCause {
        while (true) {
            when (val event = wire.receive()) {
                is WireEvent.Received -> receive(decode(event.bytes))
                is WireEvent.Closed -> {
                    (event.error as? MessageTooLargeException)?.let { throw it }
                    return causeOf(event)
                }
            }
        }
    }

    private fun decode(bytes: ByteArray): Message =
        try {
            codec.decode(bytes, MAX_NESTING)
        } catch (e: MalformedMessageException) {
            throw UndecodableException(e.reason)
        }

    private fun CoroutineScope.receive(message: Message) {
        heartbeat.received()
        pings.received()
        if (message.type != MessageType.GOODBYE) messagesReceived++
        if (window.confirm(message)) return
        when (message.type) {
            MessageType.PING -> pings.reply(message)
            // the application may also ping, to wait for its earlier messages
            MessageType.PONG -> router.routeReply(message)
            MessageType.GOODBYE -> goodbye = goodbyeIn(message)
            else -> {
                val isRenewal = message.type == MessageType.EXPIRING && renewal.isPossible
                if (isRenewal) renew(message) else router.route(message)
            }
        }
    }

    private fun CoroutineScope.renew(expiring: Message) {
        if (renewing?.isActive == true) return
        val left =
            try {
                expiring.decode<ExpiringData>().inMs.milliseconds
            } catch (_: BadPayloadException) {
                Duration.ZERO // the time is unknown: one attempt, immediately
            }
        renewing = launch(CoroutineName("live-renewal")) { renewal.run(left) }
    }

    private suspend fun write() {
        try {
            while (true) {
                var next: Message? = outbox.take()
                while (next != null) { // all queued messages are sent in one flush
                    send(next)
                    next = if (window.isOpen) outbox.tryTake() else null
                }
                wire.flush()
                window.awaitOpen()
            }
        } catch (_: WireClosedException) {
            // the reader receives the cause
        }
    }

    private suspend fun send(message: Message) {
        val bytes = codec.encode(message)
        wire.send(bytes, codec.isBinary)
        window.sent(bytes.size)?.let { send(it) }
    }

    /**
     * Prefers the code of the `goodbye` if the reported close code is unreliable: engines that do not know 1012 and
     * 1013 report them as 1002 or 1006, and some proxies drop the code.
     */
    private fun causeOf(event: WireEvent.Closed): DisconnectCause {
        val announced = goodbye?.takeIf { event.code in UNRELIABLE_CODES }
        return when {
            announced != null -> DisconnectCause.ClosedByServer(CloseCode.of(announced.code), announced.reason)
            event.code == CloseCode.Abnormal -> DisconnectCause.ConnectionLost(event.error)
            else -> DisconnectCause.ClosedByServer(event.code, event.reason)
        }
    }

    private fun goodbyeIn(message: Message): GoodbyeData? =
        try {
            message.decode<GoodbyeData>()
        } catch (_: BadPayloadException) {
            null // the server still closes, and the client reconnects with backoff
        }

    private companion object {
        /** Open time after which a connection counts as stable. */
        val STABLE_AFTER = 5.seconds

        /** The maximum: the server's application and its own limits decide how deep messages are nested. */
        val MAX_NESTING = DecodeLimits(DecodeLimits.MAX_DEPTH)

        /** 1005 means a close frame without a code. */
        val UNRELIABLE_CODES = setOf(CloseCode.WebSocketViolated, CloseCode.of(1005), CloseCode.Abnormal)

        /** A sixteenth of the bytes that OkHttp queues before it drops data. */
        const val MAX_BYTES_IN_FLIGHT = 1024 * 1024
    }
}

/** The server sent a message that cannot be decoded. A separate type, because encoding a message may also fail. */
private class UndecodableException(val reason: String) : Exception(reason)
