package dev.live.benchmarks.load.server

import com.github.ajalt.clikt.core.CliktError
import io.ktor.server.netty.NettyApplicationEngine
import io.netty.channel.IoHandlerFactory
import io.netty.channel.MultiThreadIoEventLoopGroup
import io.netty.channel.ServerChannel
import io.netty.channel.epoll.Epoll
import io.netty.channel.epoll.EpollIoHandler
import io.netty.channel.epoll.EpollServerSocketChannel
import io.netty.channel.nio.NioIoHandler
import io.netty.channel.socket.nio.NioServerSocketChannel
import io.netty.channel.uring.IoUring
import io.netty.channel.uring.IoUringIoHandler
import io.netty.channel.uring.IoUringServerSocketChannel

/** Selects the event loops of Ktor's Netty engine. */
internal interface EventLoops {
    /** The name of this choice on command lines and in tables. */
    val label: String

    /** The loop that this choice results in. */
    val loop: NettyLoop

    fun configure(netty: NettyApplicationEngine.Configuration)

    companion object {
        /**
         * The event loops of an application that follows live's documentation: Java NIO, as without Netty's native
         * libraries. This jar contains the libraries, and Ktor would then use epoll by itself.
         */
        val Default: EventLoops =
            object : EventLoops {
                override val label = "default"
                override val loop = NettyLoop.NIO

                override fun configure(netty: NettyApplicationEngine.Configuration) = loop.configure(netty)
            }

        /** Every choice, by name. */
        val ALL: Map<String, EventLoops> = (listOf(Default) + NettyLoop.entries).associateBy { it.label }
    }
}

/**
 * One of Netty's event loops with its plain configuration, for live's server and for raw Netty.
 *
 * @property channel class of the server's channel on this loop
 */
internal enum class NettyLoop(
    override val label: String,
    val channel: Class<out ServerChannel>,
    private val handlers: () -> IoHandlerFactory,
    private val unavailability: () -> Throwable?,
) : EventLoops {
    NIO("nio", NioServerSocketChannel::class.java, { NioIoHandler.newFactory() }, { null }),
    EPOLL("epoll", EpollServerSocketChannel::class.java, { EpollIoHandler.newFactory() }, Epoll::unavailabilityCause),
    IO_URING(
        "io_uring",
        IoUringServerSocketChannel::class.java,
        { IoUringIoHandler.newFactory() },
        IoUring::unavailabilityCause,
    ),
    ;

    override val loop get() = this

    /**
     * A new group of [threads] loops.
     *
     * @throws CliktError if this machine does not have the loop. A result of another loop would have the wrong name
     */
    fun newGroup(threads: Int): MultiThreadIoEventLoopGroup {
        requireAvailable(label, unavailability())
        return MultiThreadIoEventLoopGroup(threads, handlers())
    }

    /**
     * Uses as many threads as Ktor does by default. Native loops stay open when the engine stops: the process then ends.
     */
    override fun configure(netty: NettyApplicationEngine.Configuration) {
        if (this == NIO) {
            System.setProperty(NO_NATIVE, "true") // Ktor then creates its own groups, and closes them
            return
        }
        val accepting = newGroup(netty.connectionGroupSize)
        val working = newGroup(netty.workerGroupSize)
        val channel = channel
        val configured = netty.configureBootstrap
        netty.configureBootstrap = {
            configured()
            group(accepting, working)
            channel(channel)
        }
    }

    private companion object {
        const val NO_NATIVE = "io.netty.transport.noNative"
    }
}

/** Throws a [CliktError] with the root of [cause], unless it is null. */
internal fun requireAvailable(label: String, cause: Throwable?) {
    val reason = generateSequence(cause) { it.cause }.lastOrNull() ?: return
    throw CliktError("The event loop '$label' is not available on this machine: $reason", statusCode = 2)
}
