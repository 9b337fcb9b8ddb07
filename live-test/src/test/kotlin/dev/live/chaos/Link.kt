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

/** What happens to a connection on its way. */
internal enum class Fault { Cut, HalfOpen, Stall, Drip, Restart }

/**
 * One connection through a [ChaosProxy]: two sockets, and a thread for each direction that copies what [near], the side
 * of client number [client], and [far] send. What waits is one buffer in each direction; TCP pushes back.
 */
internal class Link(val client: Int, private val near: Socket, private val far: Socket, private val onEnd: () -> Unit) {
    /** What was done to it. */
    val faults: MutableSet<Fault> = CopyOnWriteArraySet()

    /** Whether its client was ever [connected][dev.live.client.connection.ConnectionState.Connected] through it. */
    @Volatile
    var wasConnected: Boolean = false

    /** How it ended, as its client has it; null while it does not know. */
    @Volatile
    var end: DisconnectCause? = null

    /** Whether its client waited for so short a time that nobody saw the state that says how it ended. */
    @Volatile
    var isEndUnseen: Boolean = false

    @Volatile
    private var stalledUntil: TimeMark? = null

    @Volatile
    private var isDripping = false
    private val ended = CountDownLatch(2)

    val isOpen: Boolean get() = ended.count > 0

    /** Whether neither side has ended it. */
    val isWhole: Boolean get() = ended.count == 2L

    /** Breaks it: with a reset, or as a process that dies does. */
    fun cut(isReset: Boolean) {
        faults += Fault.Cut
        for (socket in listOf(near, far)) {
            if (isReset) ignoringEnd { socket.setSoLinger(true, 0) }
            close(socket)
        }
    }

    /** From here on nothing arrives, and nobody is told: not even of a side that goes. */
    fun halfOpen() {
        faults += Fault.HalfOpen
    }

    fun stall(time: Duration) {
        faults += Fault.Stall
        stalledUntil = TimeSource.Monotonic.markNow() + time
    }

    /** One byte per second. */
    fun drip() {
        faults += Fault.Drip
        isDripping = true
    }

    fun flow() {
        isDripping = false
    }

    /** Copies both ways until the end; [first] goes to the far side before. */
    fun run(first: ByteArray) {
        Thread({ copy(far, near) }, "$THREAD_NAME-far").apply { isDaemon = true }.start()
        ignoringEnd { pass(first, first.size, far.getOutputStream()) }
        copy(near, far)
    }

    fun awaitEnd(): Unit = ended.await()

    /** An end is passed on as what it is, that of one direction; what breaks, breaks both. */
    private fun copy(from: Socket, to: Socket) {
        var isEnded = false
        ignoringEnd {
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

    private fun close(socket: Socket): Unit = ignoringEnd { socket.close() }
}

internal const val THREAD_NAME = "chaos-link"
private const val BUFFER = 8 * 1024

/** Runs [block], which ends early where a socket does: that is what this is for. */
internal inline fun ignoringEnd(block: () -> Unit) {
    try {
        block()
    } catch (_: IOException) {
        return
    }
}
