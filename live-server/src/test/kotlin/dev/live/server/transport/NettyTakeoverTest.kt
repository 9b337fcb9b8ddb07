package dev.live.server.transport

import dev.live.netty.EventLoops
import dev.live.netty.liveEventLoops
import dev.live.server.Live
import dev.live.server.live
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.RawSocket
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forNone
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContain
import io.kotest.matchers.collections.shouldNotContain
import io.kotest.matchers.ints.shouldBeGreaterThan
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldStartWith
import io.ktor.server.application.ApplicationCall
import io.ktor.server.application.install
import io.ktor.server.engine.connector
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelInboundHandlerAdapter
import io.netty.channel.ChannelPipeline
import io.netty.handler.codec.http.HttpServerCodec
import kotlinx.coroutines.job
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicReference

internal class NettyTakeoverTest : NettyTakeoverContract(EventLoops.Nio)

internal class EpollTakeoverTest : NettyTakeoverContract(EventLoops.Epoll)

internal class IoUringTakeoverTest : NettyTakeoverContract(EventLoops.IoUring)

/**
 * Checks the behavior of Ktor's engine that [NettyTakeover] depends on. Fails when a Ktor release changes it.
 *
 * @param loops replaced by others if this machine does not have them
 */
internal abstract class NettyTakeoverContract(loops: EventLoops) : FunSpec({

    test("on Netty a session's socket is in the channel's pipeline, without handlers of Ktor") {
        withNetty(loops, Transport.Auto) { client, pipeline, _ ->
            client.ping()

            val names = pipeline.toMap()
            names.keys.toList() shouldContain NettyTakeover.SOCKET
            names.values.forNone { it.javaClass.name shouldStartWith "io.ktor." }
        }
    }

    test("the call of the upgrade completes while its session stays open") {
        withNetty(loops, Transport.Auto) { client, _, call ->
            eventually(HANG_TIMEOUT) { call.coroutineContext.job.isCompleted shouldBe true }

            client.ping()
        }
    }

    test("with the portable transport Ktor keeps the connection") {
        withNetty(loops, Transport.Portable) { client, pipeline, call ->
            client.ping()

            pipeline.names() shouldNotContain NettyTakeover.SOCKET
            call.coroutineContext.job.isActive shouldBe true
        }
    }

    test("frames sent directly after the upgrade are received") {
        withNetty(loops, Transport.Auto) { client, _, _ ->
            repeat(200) { RawSocket.upgrade(client.port).use { it.ping() } }
        }
    }

    test("a client that disconnects ends its session and its channel") {
        withNetty(loops, Transport.Auto) { client, pipeline, _ ->
            client.ping()
            client.close()

            eventually(HANG_TIMEOUT) { pipeline.channel().isOpen shouldBe false }
            eventually(HANG_TIMEOUT) { client.sessions().shouldBeEmpty() }
        }
    }

    test("a handler of the application sees the bytes of the session and its end") {
        val handler = CountingHandler()
        withNetty(loops, Transport.Auto, { addLast(handler) }) { client, _, _ ->
            client.ping()
            val reads = handler.reads.get()
            client.ping()

            handler.reads.get() shouldBeGreaterThan reads
            client.close()
            eventually(HANG_TIMEOUT) { handler.isEnded shouldBe true }
        }
    }

    test("with an unexpected pipeline the session uses the portable transport") {
        // harmless after Ktor's handlers, but not expected there
        withNetty(loops, Transport.Auto, onUpgrade = { addLast(HttpServerCodec()) }) { client, pipeline, call ->
            client.ping()

            pipeline.names() shouldNotContain NettyTakeover.SOCKET
            call.coroutineContext.job.isActive shouldBe true
        }
    }
})

private class CountingHandler : ChannelInboundHandlerAdapter() {
    val reads = AtomicInteger()

    @Volatile
    var isEnded = false

    override fun channelRead(context: ChannelHandlerContext, message: Any) {
        reads.incrementAndGet()
        context.fireChannelRead(message)
    }

    override fun channelInactive(context: ChannelHandlerContext) {
        isEnded = true
        context.fireChannelInactive()
    }
}

private class Client(val port: Int, private val socket: RawSocket, val sessions: () -> List<Any>) {
    fun ping() = socket.ping()

    fun close() = socket.close()
}

private fun RawSocket.ping() {
    text("""{"type":"ping"}""")
    readFrame().second.decodeToString() shouldBe """{"type":"pong"}"""
}

private suspend fun withNetty(
    loops: EventLoops,
    transport: Transport,
    configure: ChannelPipeline.() -> Unit = {},
    onUpgrade: ChannelPipeline.() -> Unit = {},
    test: suspend (Client, ChannelPipeline, ApplicationCall) -> Unit,
) {
    val pipelines = ConcurrentLinkedQueue<ChannelPipeline>()
    val call = AtomicReference<ApplicationCall>()
    val server =
        embeddedServer(
            Netty,
            configure = {
                liveEventLoops(loops)
                connector {
                    host = "127.0.0.1"
                    port = 0
                }
                channelPipelineConfig = {
                    pipelines += this
                    configure()
                }
            },
        ) {
            install(Live) { this.transport = transport }
            routing {
                live<Any>("/live") {
                    authenticate {
                        call.compareAndSet(null, it)
                        pipelines.last().onUpgrade()
                        "anonymous"
                    }
                }
            }
        }
    server.startSuspend(wait = false)
    try {
        val port = server.engine.resolvedConnectors().single().port
        RawSocket.upgrade(port).use { socket ->
            test(Client(port, socket) { server.application.live.sessions }, pipelines.first(), call.get().engineCall())
        }
    } finally {
        server.stop(gracePeriodMillis = 50, timeoutMillis = 2_000)
    }
}
