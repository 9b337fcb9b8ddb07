package dev.live.server.transport

import dev.live.server.frame.OutboundFrame
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import java.io.IOException
import kotlin.coroutines.intrinsics.COROUTINE_SUSPENDED
import kotlin.coroutines.intrinsics.startCoroutineUninterceptedOrReturn
import kotlin.coroutines.intrinsics.suspendCoroutineUninterceptedOrReturn

/** Where a socket's pump takes its frames from: what waits for one client. */
internal interface FrameSource {
    /** What is called, on any thread, after something came in or the source was closed; for pumps that do not wait. */
    var waker: Runnable?

    /**
     * Fills [batch] with what waits, without waiting, up to its size or until they are 64 KiB or more.
     *
     * @return how many frames, 0 if nothing waits, or -1 once the source is closed and empty
     */
    fun poll(batch: Array<OutboundFrame?>): Int

    /** As [poll], but waits for something first. */
    suspend fun take(batch: Array<OutboundFrame?>): Int
}

/** Who looks after what a pump writes. Called by whoever writes, but for what is said to be otherwise. */
internal interface WriteWatch {
    /** What was taken is on its way: from now on the client can be too slow. Returns the number of this write. */
    fun writing(): Int

    /** The client's socket has no room for all of write [number]. From any thread, also when it has taken it since. */
    fun blocked(number: Int)

    /** The client took it. */
    fun written()
}

/** Frames per write: enough to fill a socket with small ones, few enough to stay fair. */
internal const val MAX_BATCH = 64

/** A pump for sockets that can only wait: one coroutine that writes. */
internal fun Socket.pumpByCoroutine(
    scope: CoroutineScope,
    source: FrameSource,
    watch: WriteWatch,
    onEnd: (IOException?) -> Unit,
) {
    scope.launch(CoroutineName("live-writer")) {
        val batch = arrayOfNulls<OutboundFrame>(MAX_BATCH)
        try {
            while (true) {
                val count = source.take(batch)
                if (count < 0) break
                writeWatched(batch, count, watch)
            }
            onEnd(null)
        } catch (e: IOException) {
            onEnd(e)
        }
    }
}

/** Writes, and tells [watch] where that suspends: then the socket, and what is before it, is full. */
private suspend fun Socket.writeWatched(batch: Array<OutboundFrame?>, count: Int, watch: WriteWatch) {
    val number = watch.writing()
    val write: suspend () -> Unit = { write(batch, count) }
    suspendCoroutineUninterceptedOrReturn<Unit> { writer ->
        val result = write.startCoroutineUninterceptedOrReturn(writer)
        if (result === COROUTINE_SUSPENDED) watch.blocked(number)
        result
    }
    watch.written()
}
