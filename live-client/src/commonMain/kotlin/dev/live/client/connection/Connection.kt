package dev.live.client.connection

import dev.live.client.topic.Outbox
import dev.live.client.topic.Outgoing
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
 * One open connection: a reader, a writer and a heartbeat, until the first of them ends. Only used on the client's
 * dispatcher.
 */
internal class Connection(
    private val wire: Wire,
    private val codec: Codec,
    private val router: Router,
    private val outbox: Outbox,
    private val renewal: Renewal,
    private val surroundings: DeviceConditions,
    heartbeat: HeartbeatSettings,
    timeSource: TimeSource,
) {
    private val openedAt = timeSource.markNow()
    private val hintsBefore = surroundings.known.value.hints
    private val heartbeat = Heartbeat(heartbeat.interval, heartbeat.timeout, timeSource) { sendPing() }
    private val pong = PongOnItsWay()
    private val window = SendWindow(MAX_ON_ITS_WAY, router::nextRef)
    private var renewing: Job? = null
    private var provenBy = 0 // messages from the server that were no goodbye
    private var goodbye: GoodbyeData? = null

    /** Whether it was good for something. */
    val isProven: Boolean get() = provenBy > 0 && openedAt.elapsedNow() >= PROVEN_AFTER

    /** What [run] left behind. */
    fun endedBy(cause: DisconnectCause): ConnectionEnd = ConnectionEnd(cause, isProven, goodbye)

    /** Runs the connection and returns why it ended. */
    suspend fun run(): DisconnectCause =
        try {
            coroutineScope {
                launch(CoroutineName("live-writer")) { write() }
                launch(CoroutineName("live-heartbeat")) { heartbeat.run() }
                launch(CoroutineName("live-probe")) { probe() }
                read().also { currentCoroutineContext().cancelChildren() }
            }
        } catch (e: SilenceException) {
            DisconnectCause.HeartbeatTimeout(e.after)
        } catch (e: MessageTooLargeException) {
            val reason = "a message was over the maxMessageSize of ${e.limit} bytes"
            wire.close(CloseCode.TooLarge, reason)
            DisconnectCause.ProtocolError("$reason; it must be at least 4/3 of the server's maxMessageSize and 1 KiB")
        } catch (e: UnreadableException) {
            wire.close(CloseCode.ProtocolViolated, e.reason)
            DisconnectCause.ProtocolError(e.reason)
        }

    /** Looks whether the connection still stands whenever something suggests that it may not. */
    private suspend fun probe() {
        surroundings.known
            .map { it.hints }
            .distinctUntilChanged()
            .dropWhile { it == hintsBefore }
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
            codec.decode(bytes, ANY_DEPTH)
        } catch (e: MalformedMessageException) {
            throw UnreadableException(e.reason)
        }

    private fun CoroutineScope.receive(message: Message) {
        heartbeat.heard()
        router.heard()
        if (window.isOpenedBy(message)) {
            provenBy++
            return
        }
        when (message.type) {
            MessageType.PING -> answer(message)
            MessageType.PONG -> {
                provenBy++
                router.routeAnswer(message) // the application may ping too, to see that all before it was handled
            }
            MessageType.GOODBYE -> goodbye = goodbyeIn(message)
            else -> {
                provenBy++
                val isOurs = message.type == MessageType.EXPIRING && renewal.isPossible
                if (isOurs) renew(message) else router.route(message)
            }
        }
    }

    private fun CoroutineScope.renew(expiring: Message) {
        if (renewing?.isActive == true) return
        val left =
            try {
                expiring.decode<ExpiringData>().inMs.milliseconds
            } catch (_: BadPayloadException) {
                Duration.ZERO // whenever that is: one try, at once
            }
        renewing = launch(CoroutineName("live-renewal")) { renewal.run(left) }
    }

    private suspend fun write() {
        try {
            while (true) {
                var next: Message? = outbox.take()
                while (next != null) { // all that waits goes out in one flush
                    send(next)
                    next = if (window.isOpen) outbox.tryTake() else null
                }
                wire.flush()
                window.awaitOpen()
            }
        } catch (_: WireClosedException) {
            // the reader is told how it ended
        }
    }

    private suspend fun send(message: Message) {
        val bytes = codec.encode(message)
        wire.send(bytes, codec.isBinary)
        window.sent(bytes.size)?.let { send(it) }
    }

    private fun sendPing() {
        val ping = Message(MessageType.PING)
        outbox.putOwn(
            object : Outgoing {
                override fun take(): Message = ping
            },
        )
    }

    private fun answer(ping: Message) {
        provenBy++
        if (pong.answer(ping)) outbox.putOwn(pong)
    }

    /**
     * The code in the `goodbye` counts where the engine reports none of its own: one that does not know 1012 and 1013
     * reports them as 1002 or 1006, and some proxies drop the code.
     */
    private fun causeOf(event: WireEvent.Closed): DisconnectCause {
        val announced = goodbye?.takeIf { event.code in UNCERTAIN }
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
            null // it still closes, and then with backoff
        }

    private companion object {
        /** How long a connection stands before it counts as proof that the server is well. */
        val PROVEN_AFTER = 5.seconds

        /** A server sends what its application made, and what its own limit lets through. */
        val ANY_DEPTH = DecodeLimits(DecodeLimits.MAX_DEPTH)

        /** 1005: a close frame without a code. */
        val UNCERTAIN = setOf(CloseCode.WebSocketViolated, CloseCode.of(1005), CloseCode.Abnormal)

        /** Bytes; a sixteenth of what OkHttp queues before it drops. */
        const val MAX_ON_ITS_WAY = 1024 * 1024
    }
}

/** What the server sent cannot be read. Has a type of its own, for what this client sends may be malformed too. */
private class UnreadableException(val reason: String) : Exception(reason)

/** The `pong` to the newest `ping`. It waits in the outbox at most once, so a flood of pings fills nothing. */
private class PongOnItsWay : Outgoing {
    private var ref: String? = null

    /** True if this has to be queued. */
    fun answer(ping: Message): Boolean {
        val isNew = ref == null
        ref = ping.ref
        return isNew
    }

    override fun take(): Message? {
        val answered = ref ?: return null
        ref = null
        return Message(MessageType.PONG, ref = answered)
    }
}
