package dev.live.test

import dev.live.client.transport.ConnectRequest
import dev.live.client.transport.Transport
import dev.live.client.transport.Wire
import dev.live.client.transport.WireEvent
import dev.live.protocol.CloseCode
import dev.live.protocol.Codec
import dev.live.protocol.Message
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration

/**
 * One connection with direct access to its messages: no automatic replies, no reconnect. Created by
 * [LiveTest.connectRaw].
 */
public class RawConnection internal constructor(
    private val wire: Wire,
    private val codec: Codec,
    private val timeout: Duration,
    private val job: Job,
) {
    /** The subprotocol that the server selected, or null. */
    public val subprotocol: String? get() = wire.subprotocol

    /** Sends [message]. */
    public suspend fun send(message: Message): Unit = sendBytes(codec.encode(message))

    /** Sends [bytes], which need not be a valid message, in a binary or text frame. */
    public suspend fun sendBytes(bytes: ByteArray, isBinary: Boolean = codec.isBinary) {
        wire.send(bytes, isBinary)
        wire.flush()
    }

    /**
     * Receives the next message of the server.
     *
     * @throws AssertionError if no message arrives in time or the connection ends
     */
    public suspend fun next(): Message =
        when (val event = receive("no message arrived")) {
            is WireEvent.Received -> codec.decode(event.bytes)
            is WireEvent.Closed -> throw AssertionError("the server closed with ${event.code} (${event.reason})")
        }

    /** Sends [message] and returns the next message. On a connection without other messages, this is the reply. */
    public suspend fun request(message: Message): Message {
        send(message)
        return next()
    }

    /**
     * Waits until the server closes the connection and returns the close code. Skips messages before the close.
     *
     * @throws AssertionError if the connection does not end in time
     */
    public suspend fun awaitClosed(): CloseCode {
        while (true) {
            val event = receive("the connection did not end")
            if (event is WireEvent.Closed) return event.code
        }
    }

    /** Closes the connection with a close frame. */
    public suspend fun close() {
        wire.close(CloseCode.Normal, "")
        drop()
    }

    /** Drops the connection without a close frame. */
    public suspend fun drop(): Unit = job.cancelAndJoin()

    private suspend fun receive(failure: String): WireEvent =
        withTimeoutOrNull(timeout) { wire.receive() } ?: throw AssertionError("$failure within $timeout")
}

/** Connects in a coroutine of [scope]. That coroutine keeps the connection open until it is cancelled. */
internal suspend fun openRaw(
    scope: CoroutineScope,
    transport: Transport,
    request: ConnectRequest,
    codec: Codec,
    timeout: Duration,
): RawConnection {
    val opened = CompletableDeferred<Wire>()
    val job =
        scope.launch(CoroutineName("live-raw")) {
            try {
                transport.connect(request) { wire ->
                    opened.complete(wire)
                    awaitCancellation()
                }
            } catch (e: Exception) {
                ensureActive()
                opened.completeExceptionally(e)
            } finally {
                transport.close()
            }
        }
    return RawConnection(opened.await(), codec, timeout, job)
}
