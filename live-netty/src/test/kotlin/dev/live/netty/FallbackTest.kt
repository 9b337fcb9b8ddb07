package dev.live.netty

import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.ktor.server.netty.NettyApplicationEngine
import io.netty.bootstrap.ServerBootstrap
import io.netty.channel.IoHandler
import io.netty.channel.IoHandlerFactory
import io.netty.channel.nio.NioIoHandler
import io.netty.channel.socket.nio.NioServerSocketChannel
import io.netty.util.concurrent.ThreadAwareExecutor
import java.io.IOException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.minutes

/** Forces each way in which a loop can be missing, with transports that are NIO inside. */
class FallbackTest : FunSpec({

    test("a selected loop that is not available is replaced, with one warning") {
        val observed = serveOnce {
            useEventLoops(EventLoops.IoUring, listOf(type(EventLoops.IoUring) { denied }, epoll, nio))
        }

        observed.messages shouldBe listOf(
            "The event loop io_uring is not available: java.io.IOException: io_uring_setup: Operation not permitted. " +
                "Using epoll instead. io_uring needs nothing. To select another one, use " +
                "liveEventLoops(EventLoops.Auto) or -Dlive.netty.eventLoop=auto.",
            "Netty event loop: epoll",
        )
        observed.warnings.size shouldBe 1
    }

    test("loops of other platforms are skipped without a warning") {
        val observed = serveOnce {
            useEventLoops(EventLoops.Auto, listOf(type(EventLoops.Epoll) { missingLibrary }, nio))
        }

        observed.messages shouldBe listOf("Netty event loop: nio")
    }

    test("io_uring is not used unless it is selected") {
        serveOnce { useEventLoops(EventLoops.Auto, listOf(type(EventLoops.IoUring) { null }, nio)) }.messages shouldBe
            listOf("Netty event loop: nio")
    }

    test("a transport without its classes is skipped") {
        val observed = serveOnce {
            val missing = type(EventLoops.IoUring) { throw NoClassDefFoundError("io/netty/channel/uring/IoUring") }
            useEventLoops(EventLoops.IoUring, listOf(missing, nio))
        }

        observed.warnings.size shouldBe 1
        observed.messages.last() shouldBe "Netty event loop: nio"
    }

    test("a loop that cannot be created although it is available is replaced, with a warning, and leaves no thread") {
        val created = AtomicInteger()
        val limited = type(EventLoops.Epoll, unavailability = { null }) { executor ->
            if (created.incrementAndGet() == 3) throw IOException("cannot allocate memory")
            NioIoHandler.newFactory().newHandler(executor)
        }

        val observed = serveOnce {
            workerGroupSize = 4
            useEventLoops(EventLoops.Auto, listOf(limited, nio))
        }

        created.get() shouldBe 3
        observed.warnings.single().substringBefore(" Using") shouldBe
            "The event loop epoll is not available: java.io.IOException: cannot allocate memory."
        observed.messages.last() shouldBe "Netty event loop: nio"
        eventually(1.minutes) { loopThreads("epoll").shouldBeEmpty() }
    }

    test("a loop is replaced if its thread fails at the start, and nothing hangs") {
        val started = AtomicInteger()
        val failing = type(EventLoops.Epoll, unavailability = { null }) { executor ->
            val handler = NioIoHandler.newFactory().newHandler(executor)
            object : IoHandler by handler {
                override fun initialize() {
                    if (started.incrementAndGet() > 1) throw IllegalStateException("io_uring_register: not permitted")
                    handler.initialize()
                }
            }
        }

        val observed = serveOnce {
            workerGroupSize = 4
            useEventLoops(EventLoops.Auto, listOf(failing, nio))
        }

        observed.warnings.size shouldBe 1
        observed.messages.last() shouldBe "Netty event loop: nio"
        eventually(1.minutes) { loopThreads("epoll").shouldBeEmpty() }
    }

    test("an interrupted start fails, leaves the thread interrupted, and tries no other loop") {
        val mayStart = CountDownLatch(1)
        val starting = type(EventLoops.Epoll, unavailability = { null }) { executor ->
            Thread.currentThread().interrupt()
            val handler = NioIoHandler.newFactory().newHandler(executor)
            object : IoHandler by handler {
                override fun initialize() {
                    mayStart.await()
                    handler.initialize()
                }
            }
        }
        val configuration = NettyApplicationEngine.Configuration().apply {
            useEventLoops(EventLoops.Auto, listOf(starting, nio))
        }
        val bootstrap = ServerBootstrap()

        shouldThrow<InterruptedException> { configuration.configureBootstrap(bootstrap) }

        Thread.interrupted() shouldBe true
        bootstrap.config().group() shouldBe null
        mayStart.countDown()
        eventually(1.minutes) { loopThreads("epoll").shouldBeEmpty() }
    }

    test("if no loop is available at all, the start fails with the reason of the last one") {
        val server = server {
            useEventLoops(EventLoops.Nio, listOf(epoll, type(EventLoops.Nio) { IOException("too many open files") }))
        }

        shouldThrow<Exception> { server.start(wait = false) }.cause?.message shouldBe "too many open files"
    }
})

private val denied = IOException("io_uring_setup: Operation not permitted")
private val missingLibrary = UnsatisfiedLinkError("could not load a native library: netty_transport_native_epoll")
private val epoll = type(EventLoops.Epoll) { null }
private val nio = type(EventLoops.Nio) { null }

private fun type(
    loops: EventLoops,
    unavailability: () -> Throwable?,
): EventLoopType = type(loops, unavailability) { NioIoHandler.newFactory().newHandler(it) }

private fun type(
    loops: EventLoops,
    unavailability: () -> Throwable?,
    handlers: (ThreadAwareExecutor) -> IoHandler,
): EventLoopType =
    EventLoopType(
        loops,
        requirements = "nothing",
        unavailability,
        { NioServerSocketChannel::class.java },
        { IoHandlerFactory { handlers(it) } },
    )
