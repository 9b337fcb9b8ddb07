package dev.live.benchmarks.load.server

import com.github.ajalt.clikt.core.CliktError
import dev.live.netty.liveEventLoops
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
import dev.live.netty.EventLoops as LiveEventLoops

/** Selects the event loops of Ktor's Netty engine. */
internal interface EventLoops {
    /** The name of this choice on command lines and in tables. */
    val label: String

    /** The loop that this choice results in. */
    val loop: NettyLoop

    fun configure(netty: NettyApplicationEngine.Configuration)

    companion object {
        /** The event loops of an application that follows live's documentation. */
        val Default: EventLoops =
            object : EventLoops {
                override val label = "default"
                override val loop = if (Epoll.isAvailable()) NettyLoop.EPOLL else NettyLoop.NIO

                override fun configure(netty: NettyApplicationEngine.Configuration) = netty.liveEventLoops()
            }

        /** Every choice, by name. */
        val ALL: Map<String, EventLoops> = (listOf(Default) + NettyLoop.entries).associateBy { it.label }
    }
}

/**
 * One of Netty's event loops, for live's server and for raw Netty.
 *
 * @property choice this loop for live-netty
 * @property channel class of the server's channel on this loop
 */
internal enum class NettyLoop(
    override val label: String,
    private val choice: LiveEventLoops,
    val channel: Class<out ServerChannel>,
    private val handlers: () -> IoHandlerFactory,
    private val unavailability: () -> Throwable?,
) : EventLoops {
    NIO("nio", LiveEventLoops.Nio, NioServerSocketChannel::class.java, { NioIoHandler.newFactory() }, { null }),
    EPOLL("epoll", LiveEventLoops.Epoll, EpollServerSocketChannel::class.java, {
        EpollIoHandler.newFactory()
    }, Epoll::unavailabilityCause),
    IO_URING(
        "io_uring",
        LiveEventLoops.IoUring,
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

    override fun configure(netty: NettyApplicationEngine.Configuration) {
        requireAvailable(label, unavailability()) // live would use another loop
        netty.liveEventLoops(choice)
    }
}

/** Throws a [CliktError] with the root of [cause], unless it is null. */
internal fun requireAvailable(label: String, cause: Throwable?) {
    val reason = generateSequence(cause) { it.cause }.lastOrNull() ?: return
    throw CliktError("The event loop '$label' is not available on this machine: $reason", statusCode = 2)
}
