package dev.live.server.transport

import dev.live.server.frame.OutboundFrame
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import java.io.IOException
import kotlin.coroutines.intrinsics.COROUTINE_SUSPENDED
import kotlin.coroutines.intrinsics.startCoroutineUninterceptedOrReturn
import kotlin.coroutines.intrinsics.suspendCoroutineUninterceptedOrReturn

/** The queued frames of one client, which a socket's pump takes and writes. */
internal interface FrameSource {
    /** Called on any thread after a frame was added or the source was closed; for pumps that do not suspend. */
    var waker: Runnable?

    /** Whether no frames wait and the source is not closed. After that turns false, [waker] runs. */
    val isIdle: Boolean

    /**
     * Fills [batch] with waiting frames without suspending, up to its size or until they are 64 KiB or more.
     *
     * @return the number of frames, 0 if none wait, or -1 once the source is closed and empty
     */
    fun poll(batch: Array<OutboundFrame?>): Int

    /** Like [poll], but suspends until there is a frame. */
    suspend fun take(batch: Array<OutboundFrame?>): Int
}

/** Observes the writes of a pump. Called by the writer, unless noted otherwise. */
internal interface WriteListener {
    /**
     * A write has started: from now on the client can be too slow. Returns the sequence number of the write.
     *
     * @param reportsBlocked whether [writeBlocked] follows if the socket is full. If not, only the duration of the
     *   write shows it
     */
    fun writeStarted(reportsBlocked: Boolean): Int

    /**
     * The client's socket cannot accept all of write [number]. Called on any thread, perhaps after the write has
     * completed.
     */
    fun writeBlocked(number: Int)

    /** The write has completed. */
    fun writeCompleted()
}

/** Maximum frames per write: enough to fill a socket with small frames, few enough to stay fair. */
internal const val MAX_BATCH = 64

/** A pump for sockets that only support suspending writes: one writer coroutine. */
internal fun Socket.pumpByCoroutine(
    scope: CoroutineScope,
    source: FrameSource,
    listener: WriteListener,
    onEnd: (IOException?) -> Unit,
) {
    scope.launch(CoroutineName("live-writer")) {
        val batch = arrayOfNulls<OutboundFrame>(MAX_BATCH)
        try {
            while (true) {
                val count = source.take(batch)
                if (count < 0) break
                writeAndNotify(batch, count, listener)
            }
            onEnd(null)
        } catch (e: IOException) {
            onEnd(e)
        }
    }
}

/** Writes, and notifies [listener] if the write suspends, because the socket and the buffers before it are full. */
private suspend fun Socket.writeAndNotify(batch: Array<OutboundFrame?>, count: Int, listener: WriteListener) {
    val number = listener.writeStarted(reportsBlocked = true)
    val write: suspend () -> Unit = { write(batch, count) }
    suspendCoroutineUninterceptedOrReturn<Unit> { writer ->
        val result = write.startCoroutineUninterceptedOrReturn(writer)
        if (result === COROUTINE_SUSPENDED) listener.writeBlocked(number)
        result
    }
    listener.writeCompleted()
}
