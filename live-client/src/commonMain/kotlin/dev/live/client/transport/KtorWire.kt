package dev.live.client.transport

import dev.live.protocol.CloseCode
import io.ktor.websocket.CloseReason
import io.ktor.websocket.DefaultWebSocketSession
import io.ktor.websocket.Frame
import io.ktor.websocket.FrameTooBigException
import io.ktor.websocket.close
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.channels.ClosedSendChannelException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.concurrent.Volatile
import kotlin.time.Duration.Companion.seconds

/** A [Wire] over a WebSocket session of any Ktor engine. */
internal class KtorWire(
    private val session: DefaultWebSocketSession,
    override val subprotocol: String?,
    private val maxMessageSize: Int,
) : Wire {
    /** For [receive]. Unlike `receiveCatching`, it allocates nothing for each frame. */
    private val frames = session.incoming.iterator()

    /** Whether [receive] has returned the end. Ktor accepts frames for a moment longer, and drops them. */
    @Volatile
    private var hasEnded = false

    override suspend fun receive(): WireEvent {
        var error: Throwable? = null
        try {
            while (frames.hasNext()) {
                val frame = frames.next()
                if (frame !is Frame.Text && frame !is Frame.Binary) continue
                // not every engine enforces the limit
                return if (frame.data.size <= maxMessageSize) WireEvent.Received(frame.data) else tooLarge()
            }
        } catch (e: Throwable) {
            // Ktor cancels its own channel when a connection breaks: the end of the connection, not our cancellation
            currentCoroutineContext().ensureActive()
            error = e
        }
        return ended(error as? Exception)
    }

    override suspend fun send(bytes: ByteArray, isBinary: Boolean) {
        val frame = if (isBinary) Frame.Binary(fin = true, bytes) else Frame.Text(fin = true, bytes)
        orClosed { session.outgoing.send(frame) }
    }

    override suspend fun flush(): Unit = orClosed { session.flush() }

    override suspend fun close(code: CloseCode, reason: String) {
        withContext(NonCancellable) {
            withTimeoutOrNull(CLOSE_TIMEOUT) {
                session.close(CloseReason(permittedCode(code).wire.toShort(), reason))
                // keep the socket open until the server's close frame confirms that ours has arrived
                do {
                    val next = session.incoming.receiveCatching()
                } while (next.isSuccess)
            }
        }
    }

    private suspend fun ended(error: Exception?): WireEvent.Closed {
        if (error is FrameTooBigException) return tooLarge()
        hasEnded = true
        val reason = closeReason()
        val code = reason?.code?.toInt() ?: CloseCode.Abnormal.wire
        if (code == CloseCode.Abnormal.wire) return WireEvent.Closed(CloseCode.Abnormal, error = error)
        return WireEvent.Closed(CloseCode.of(code), reason?.message.orEmpty(), error)
    }

    /**
     * Null if there is none: for a broken connection Ktor does not complete `closeReason`, or fails it, as on OkHttp.
     */
    private suspend fun closeReason(): CloseReason? =
        try {
            withTimeoutOrNull(CLOSE_TIMEOUT) { session.closeReason.await() }
        } catch (_: Exception) {
            currentCoroutineContext().ensureActive()
            null
        }

    private fun tooLarge(): WireEvent.Closed {
        hasEnded = true
        return WireEvent.Closed(CloseCode.TooLarge, error = MessageTooLargeException(maxMessageSize))
    }

    private suspend inline fun orClosed(block: () -> Unit) {
        if (hasEnded) throw WireClosedException()
        try {
            block()
        } catch (e: ClosedSendChannelException) {
            throw WireClosedException(e)
        } catch (e: CancellationException) {
            currentCoroutineContext().ensureActive()
            throw WireClosedException(e)
        }
    }

    private companion object {
        val CLOSE_TIMEOUT = 1.seconds
    }
}
