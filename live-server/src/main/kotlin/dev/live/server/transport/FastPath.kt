package dev.live.server.transport

import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationCall
import io.ktor.server.netty.NettyApplicationCall
import io.ktor.server.routing.RoutingCall
import io.ktor.server.routing.RoutingPipelineCall
import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.ByteWriteChannel
import kotlinx.coroutines.CoroutineDispatcher
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.atomic.AtomicBoolean

/**
 * Selects the fastest socket for an upgraded connection.
 *
 * @param readers dispatcher of the readers of taken-over connections; null if the event loops run them
 */
internal class FastPath(private val transport: Transport, private val readers: CoroutineDispatcher? = null) {
    private val hasWarned = AtomicBoolean()
    private val hasRegisteredLoops = AtomicBoolean()
    private val hasNoHalfClose = AtomicBoolean()

    /** Allows half-close after the upgrade of [call]. Called before the response to the upgrade. */
    fun expectHalfClose(call: ApplicationCall) {
        if (!isNettyAvailable) return
        val engineCall = call.engineCall()
        if (engineCall !is NettyApplicationCall) return
        try {
            EarlyFrameBuffer.expectHalfClose(engineCall)
        } catch (e: LinkageError) {
            log.debug("This version of Ktor's Netty engine does not expose its channels.", e)
        }
    }

    /**
     * Takes over the connection of [call] and returns its socket; null if the engine's byte channels have to carry it.
     *
     * @throws java.io.IOException if the connection was lost meanwhile
     */
    suspend fun socketFor(call: ApplicationCall, input: ByteReadChannel, limits: FrameLimits): Socket? {
        if (!isNettyAvailable) return null
        val engineCall = call.engineCall()
        if (engineCall !is NettyApplicationCall) return null
        if (transport == Transport.Auto) takeOver(engineCall, input, limits)?.let { return it }
        registerReadLoops(engineCall)
        return null
    }

    /**
     * Returns the function that closes the server's side of a portable connection; null if closing the byte channel is
     * enough. From then on the client may close its side first.
     */
    suspend fun outputCloser(call: ApplicationCall): (suspend (ByteWriteChannel) -> Unit)? {
        if (!isNettyAvailable || hasNoHalfClose.get()) return null
        val engineCall = call.engineCall()
        if (engineCall !is NettyApplicationCall) return null
        return try {
            NettyHalfClose(engineCall).run {
                allowHalfClose()
                ::closeOutput
            }
        } catch (e: LinkageError) {
            if (!hasNoHalfClose.getAndSet(true)) {
                log.debug("This version of Ktor's Netty engine does not expose its channels.", e)
            }
            null
        }
    }

    private suspend fun takeOver(call: NettyApplicationCall, input: ByteReadChannel, limits: FrameLimits): Socket? {
        try {
            val takeover = NettyTakeover(call, limits, readers)
            takeover.socket(input)?.let { return it }
            if (!takeover.isConnectionClosed) warn(cause = null)
        } catch (e: LinkageError) {
            warn(e)
        }
        return null
    }

    /** A portable socket reads on any of the engine's loops. Without this, topics deliver each message separately. */
    private fun registerReadLoops(call: NettyApplicationCall) {
        if (hasRegisteredLoops.getAndSet(true)) return
        try {
            val executor = call.context.executor()
            for (loop in executor.parent() ?: listOf(executor)) NettyLoop.register(loop)
        } catch (e: LinkageError) {
            log.debug("This version of Ktor's Netty engine does not expose its event loops.", e)
        }
    }

    private fun warn(cause: LinkageError?) {
        if (hasWarned.getAndSet(true)) return
        log.warn(
            "Unsupported version of Ktor's Netty engine: sessions use the slower portable transport. " +
                "Set transport = Transport.Portable to disable this warning.",
            cause,
        )
    }

    companion object {
        /** Buffers frames that clients of [application] send before they receive the response to their upgrade. */
        fun installEarlyFrameBuffer(application: Application) {
            if (!isNettyAvailable) return
            try {
                EarlyFrameBuffer.install(application)
            } catch (e: LinkageError) {
                log.debug("This version of Ktor's Netty engine does not expose its configuration.", e)
            }
        }

        private val log: Logger = LoggerFactory.getLogger("dev.live.server.transport")

        /** Ktor's Netty engine is an optional dependency, missing in applications with another engine. */
        val isNettyAvailable: Boolean =
            try {
                Class.forName("io.ktor.server.netty.NettyApplicationCall", false, FastPath::class.java.classLoader)
                true
            } catch (_: ClassNotFoundException) {
                false
            }
    }
}

/** The engine's own call object. */
internal fun ApplicationCall.engineCall(): ApplicationCall {
    val routed = (this as? RoutingCall)?.pipelineCall ?: this
    return (routed as? RoutingPipelineCall)?.engineCall ?: routed
}
