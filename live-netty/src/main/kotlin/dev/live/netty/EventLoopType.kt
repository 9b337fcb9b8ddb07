package dev.live.netty

import io.netty.channel.IoHandlerFactory
import io.netty.channel.epoll.Epoll
import io.netty.channel.epoll.EpollServerSocketChannel
import io.netty.channel.kqueue.KQueue
import io.netty.channel.kqueue.KQueueIoHandler
import io.netty.channel.kqueue.KQueueServerSocketChannel
import io.netty.channel.nio.NioIoHandler
import io.netty.channel.socket.ServerSocketChannel
import io.netty.channel.socket.nio.NioServerSocketChannel
import io.netty.channel.uring.IoUring
import io.netty.channel.uring.IoUringIoHandler
import io.netty.channel.uring.IoUringIoHandlerConfig
import io.netty.channel.uring.IoUringServerSocketChannel
import io.netty.util.internal.SystemPropertyUtil

/**
 * One of Netty's transports. Its functions may throw a [LinkageError]: the classes of a transport can be missing.
 *
 * @param requirements what the transport needs, for a log line
 * @param unavailability returns why the transport is not available, or null
 * @param channel returns the class of the channels that accept connections
 * @param handlers returns the factory of a loop's handler; the handler or its start may fail even if the transport is
 *   available
 */
internal class EventLoopType(
    val loops: EventLoops,
    val requirements: String,
    val unavailability: () -> Throwable?,
    val channel: () -> Class<out ServerSocketChannel>,
    val handlers: () -> IoHandlerFactory,
) {
    val name: String get() = loops.setting

    companion object {
        /** All transports in the order of preference; io_uring is only used if it is selected. */
        val all: List<EventLoopType> =
            listOf(
                EventLoopType(
                    EventLoops.IoUring,
                    "Linux 5.9 or later, netty-transport-native-io_uring for this processor, permission for " +
                        "io_uring in the container, and a sufficient memory lock limit (ulimit -l)",
                    { IoUring.unavailabilityCause() },
                    { IoUringServerSocketChannel::class.java },
                    { IoUringIoHandler.newFactory(ioUringConfig()) },
                ),
                EventLoopType(
                    EventLoops.Epoll,
                    "Linux with glibc, and netty-transport-native-epoll for this processor",
                    { Epoll.unavailabilityCause() },
                    { EpollServerSocketChannel::class.java },
                    { EpollHandler.newFactory() },
                ),
                EventLoopType(
                    EventLoops.KQueue,
                    "macOS, and netty-transport-native-kqueue for this processor",
                    { KQueue.unavailabilityCause() },
                    { KQueueServerSocketChannel::class.java },
                    { KQueueIoHandler.newFactory() },
                ),
                EventLoopType(
                    EventLoops.Nio,
                    "a JDK",
                    { null },
                    { NioServerSocketChannel::class.java },
                    { NioIoHandler.newFactory() },
                ),
            )

        /**
         * One fan-out completes a write per connection before the loop processes completions. Netty's default of 4,096
         * completions overflows then, which costs more CPU and logs warnings.
         */
        private fun ioUringConfig(): IoUringIoHandlerConfig {
            val config = IoUringIoHandlerConfig()
            return if (SystemPropertyUtil.contains(CQ_SIZE_PROPERTY)) config else config.setCqSize(COMPLETIONS)
        }

        private const val CQ_SIZE_PROPERTY = "io.netty.iouring.cqSize"

        /** For 32,768 connections per loop; 512 KiB of memory. */
        private const val COMPLETIONS = 32_768
    }
}
