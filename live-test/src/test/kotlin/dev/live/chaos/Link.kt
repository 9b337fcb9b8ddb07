package dev.live.chaos

import dev.live.client.connection.DisconnectCause
import java.io.IOException
import java.io.OutputStream
import java.net.Socket
import java.util.concurrent.CopyOnWriteArraySet
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeMark
import kotlin.time.TimeSource

/** A fault of a connection. */
internal enum class Fault { Cut, HalfOpen, Stall, Drip, Restart }

/**
 * One connection through a [ChaosProxy]. One thread per direction copies bytes between [near], the socket of client
 * number [client], and [far], the socket of the server. It buffers one block per direction; TCP applies backpressure.
 */
internal class Link(val client: Int, private val near: Socket, private val far: Socket, private val onEnd: () -> Unit) {
    /** The injected faults. */
    val faults: MutableSet<Fault> = CopyOnWriteArraySet()

    /**
     * Whether the client ever was [connected][dev.live.client.connection.ConnectionState.Connected] on this connection.
     */
    @Volatile
    var wasConnected: Boolean = false

    /** The cause of the end reported by the client; null until then. */
    @Volatile
    var end: DisconnectCause? = null

    /** Whether the client reconnected so fast that its Waiting state with the cause was not observed. */
    @Volatile
    var isEndUnseen: Boolean = false

    @Volatile
    private var stalledUntil: TimeMark? = null

    @Volatile
    private var isDripping = false
    private val ended = CountDownLatch(2)

    val isOpen: Boolean get() = ended.count > 0

    /** True until one side ends the connection. */
    val isWhole: Boolean get() = ended.count == 2L

    /** Breaks the connection: with a TCP reset, or like a process that exits. */
    fun cut(isReset: Boolean) {
        faults += Fault.Cut
        for (socket in listOf(near, far)) {
            if (isReset) ignoringIoErrors { socket.setSoLinger(true, 0) }
            close(socket)
        }
    }

    /** Makes the connection half-open: from now on, data and closes are dropped silently. */
    fun halfOpen() {
        faults += Fault.HalfOpen
    }

    fun stall(time: Duration) {
        faults += Fault.Stall
        stalledUntil = TimeSource.Monotonic.markNow() + time
    }

    /** Limits the connection to one byte per second. */
    fun drip() {
        faults += Fault.Drip
        isDripping = true
    }

    fun flow() {
        isDripping = false
    }

    /** Sends [first] to the server, then copies both directions until the end. */
    fun run(first: ByteArray) {
        Thread({ copy(far, near) }, "$THREAD_NAME-far").apply { isDaemon = true }.start()
        ignoringIoErrors { pass(first, first.size, far.getOutputStream()) }
        copy(near, far)
    }

    fun awaitEnd(): Unit = ended.await()

    /** Forwards an end of stream as a half-close. An error closes both sockets. */
    private fun copy(from: Socket, to: Socket) {
        var isEnded = false
        ignoringIoErrors {
            val buffer = ByteArray(BUFFER)
            val out = to.getOutputStream()
            while (true) {
                val count = from.getInputStream().read(buffer)
                if (count < 0) break
                pass(buffer, count, out)
            }
            isEnded = true
            if (Fault.HalfOpen !in faults) to.shutdownOutput()
        }
        if (!isEnded) close(from)
        if (!isEnded && Fault.HalfOpen !in faults) close(to)
        ended.countDown()
        if (!isOpen) onEnd()
    }

    private fun pass(bytes: ByteArray, count: Int, out: OutputStream) {
        var passed = 0
        while (passed < count) {
            if (Fault.HalfOpen in faults) return
            stalledUntil?.let { pause(-it.elapsedNow()) }
            val next = if (isDripping) 1 else count - passed
            out.write(bytes, passed, next)
            passed += next
            if (isDripping) pause(1.seconds)
        }
    }

    private fun pause(time: Duration) {
        if (time.isPositive()) ended.await(time.inWholeMilliseconds + 1, TimeUnit.MILLISECONDS)
    }

    private fun close(socket: Socket): Unit = ignoringIoErrors { socket.close() }
}

internal const val THREAD_NAME = "chaos-link"
private const val BUFFER = 8 * 1024

/** Runs [block] and ignores the [IOException] of a socket that ended. */
internal inline fun ignoringIoErrors(block: () -> Unit) {
    try {
        block()
    } catch (_: IOException) {
        return
    }
}
