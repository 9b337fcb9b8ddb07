package dev.live.server.transport

import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationCall
import io.ktor.server.netty.NettyApplicationCall
import io.ktor.server.routing.RoutingCall
import io.ktor.server.routing.RoutingPipelineCall
import io.ktor.utils.io.ByteReadChannel
import io.ktor.utils.io.ByteWriteChannel
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.atomic.AtomicBoolean

/** Finds the fastest socket for an upgraded connection. */
internal class FastPath(private val transport: Transport) {
    private val hasWarned = AtomicBoolean()
    private val hasTurns = AtomicBoolean()
    private val hasNoHalves = AtomicBoolean()

    /** Called before [call] is answered with an upgrade: its client may end its side of the connection at any time. */
    fun expectHalves(call: ApplicationCall) {
        if (!isNettyThere) return
        val engineCall = call.engineCall()
        if (engineCall !is NettyApplicationCall) return
        try {
            EarlyFrames.expectHalves(engineCall)
        } catch (e: LinkageError) {
            log.debug("This version of Ktor's Netty engine hides its channels.", e)
        }
    }

    /**
     * The socket that takes [call]'s connection over, or null if it is to be carried by the engine's byte channels.
     *
     * @throws java.io.IOException if the connection broke meanwhile
     */
    suspend fun take(call: ApplicationCall, input: ByteReadChannel, limits: FrameLimits): Socket? {
        if (!isNettyThere) return null
        val engineCall = call.engineCall()
        if (engineCall !is NettyApplicationCall) return null
        if (transport == Transport.Auto) takenOver(engineCall, input, limits)?.let { return it }
        beginTurns(engineCall)
        return null
    }

    /**
     * What ends a portable socket's side of [call]'s connection, or null where closing its byte channel is enough. From
     * then on the client may end its side first.
     */
    suspend fun outputEnd(call: ApplicationCall): (suspend (ByteWriteChannel) -> Unit)? {
        if (!isNettyThere || hasNoHalves.get()) return null
        val engineCall = call.engineCall()
        if (engineCall !is NettyApplicationCall) return null
        return try {
            NettyHalves(engineCall).run {
                separate()
                ::endOutput
            }
        } catch (e: LinkageError) {
            if (!hasNoHalves.getAndSet(true)) log.debug("This version of Ktor's Netty engine hides its channels.", e)
            null
        }
    }

    private suspend fun takenOver(call: NettyApplicationCall, input: ByteReadChannel, limits: FrameLimits): Socket? {
        try {
            val takeover = NettyTakeover(call, limits)
            takeover.socket(input)?.let { return it }
            if (!takeover.isGone) warn(cause = null)
        } catch (e: LinkageError) {
            warn(e)
        }
        return null
    }

    /** A portable socket reads on any of the engine's loops. Without this, topics deliver message by message. */
    private fun beginTurns(call: NettyApplicationCall) {
        if (hasTurns.getAndSet(true)) return
        try {
            val executor = call.context.executor()
            for (loop in executor.parent() ?: listOf(executor)) NettyLoop.begin(loop)
        } catch (e: LinkageError) {
            log.debug("This version of Ktor's Netty engine does not show its event loops.", e)
        }
    }

    private fun warn(cause: LinkageError?) {
        if (hasWarned.getAndSet(true)) return
        log.warn(
            "This version of Ktor's Netty engine is not one that live knows; sessions take the portable transport, " +
                "which is slower. Set transport = Transport.Portable to be rid of this line.",
            cause,
        )
    }

    companion object {
        /** Keeps what clients of [application] send before they have read the answer to their upgrade. */
        fun keepEarlyFrames(application: Application) {
            if (!isNettyThere) return
            try {
                EarlyFrames.watch(application)
            } catch (e: LinkageError) {
                log.debug("This version of Ktor's Netty engine does not show its configuration.", e)
            }
        }

        private val log: Logger = LoggerFactory.getLogger("dev.live.server.transport")

        /** Netty's engine is an optional dependency: an application on another one does not have it. */
        val isNettyThere: Boolean =
            try {
                Class.forName("io.ktor.server.netty.NettyApplicationCall", false, FastPath::class.java.classLoader)
                true
            } catch (_: ClassNotFoundException) {
                false
            }
    }
}

/** The call as the engine made it. */
internal fun ApplicationCall.engineCall(): ApplicationCall {
    val routed = (this as? RoutingCall)?.pipelineCall ?: this
    return (routed as? RoutingPipelineCall)?.engineCall ?: routed
}
