package dev.live.netty

import io.netty.channel.IoHandle
import io.netty.channel.IoHandler
import io.netty.channel.IoHandlerContext
import io.netty.channel.IoHandlerFactory
import io.netty.channel.IoOps
import io.netty.channel.IoRegistration
import io.netty.channel.epoll.EpollIoHandler
import io.netty.channel.epoll.EpollIoOps
import io.netty.util.concurrent.ThreadAwareExecutor

/**
 * Netty's epoll handler, without a bug of Netty 4.2.15: it removes a registration without interest from epoll, but
 * still counts it as added. The next interest then fails with "No such file or directory", which closes the channel.
 *
 * A registration has no interest after the client has closed its side. It needs one again when the channel reads, or
 * when a write fills the socket. Here a new registration replaces the removed one.
 */
internal class EpollHandler(private val epoll: IoHandler) : IoHandler {
    override fun register(handle: IoHandle): IoRegistration = Registration(handle)

    override fun initialize(): Unit = epoll.initialize()

    override fun run(context: IoHandlerContext): Int = epoll.run(context)

    override fun wakeup(): Unit = epoll.wakeup()

    override fun prepareToDestroy(): Unit = epoll.prepareToDestroy()

    override fun destroy(): Unit = epoll.destroy()

    override fun isCompatible(type: Class<out IoHandle>): Boolean = epoll.isCompatible(type)

    private inner class Registration(private val handle: IoHandle) : IoRegistration {
        @Volatile
        private var current = epoll.register(handle)

        /** Whether epoll does not have [current]. Only accessed by the loop. */
        private var isRemoved = false

        override fun <T : Any?> attachment(): T = current.attachment()

        override fun submit(ops: IoOps): Long {
            val hasInterest = (ops as EpollIoOps).value() != EpollIoOps.NONE.value()
            if (isRemoved && current.isValid) {
                if (!hasInterest) return 0
                current.cancel()
                current = epoll.register(handle)
            }
            isRemoved = !hasInterest
            return current.submit(ops)
        }

        override fun isValid(): Boolean = current.isValid

        override fun cancel(): Boolean = current.cancel()
    }

    companion object {
        fun newFactory(): IoHandlerFactory {
            val factory = EpollIoHandler.newFactory()
            return object : IoHandlerFactory {
                override fun newHandler(executor: ThreadAwareExecutor) = EpollHandler(factory.newHandler(executor))

                override fun isChangingThreadSupported(): Boolean = factory.isChangingThreadSupported
            }
        }
    }
}
