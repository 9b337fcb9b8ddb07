package dev.live.server

import dev.live.protocol.CloseCode
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.RawSocket
import dev.live.server.support.withServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.ints.shouldBeLessThan
import io.kotest.matchers.shouldBe
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import io.netty.channel.ChannelHandlerContext
import io.netty.channel.ChannelInboundHandlerAdapter
import io.netty.channel.ChannelOption
import io.netty.channel.socket.ChannelInputShutdownEvent
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.withTimeout
import java.io.File
import java.util.concurrent.atomic.AtomicInteger

/**
 * Tests a client that sends more than the server's queue accepts and closes its side. Native event loops then read all
 * of it from the kernel's receive buffer, although the channel does not read automatically.
 */
class OverrunTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        test("bytes read beyond a full queue end the session, or wait in the kernel, on $engine")
            .config(enabled = canBuffer) {
                val isBusy = CompletableDeferred<Unit>()
                val mayContinue = CompletableDeferred<Unit>()
                val inputEnd = CompletableDeferred<Unit>()
                val handled = AtomicInteger()
                withServer(
                    engine,
                    {
                        install(Live)
                        routing {
                            live<Unit>("/live") {
                                onMessage {
                                    isBusy.complete(Unit)
                                    mayContinue.await()
                                    handled.incrementAndGet()
                                }
                            }
                        }
                    },
                    netty = {
                        configureBootstrap = { childOption(ChannelOption.SO_RCVBUF, RECEIVE_BUFFER) }
                        channelPipelineConfig = { addLast(InputEnd(inputEnd)) }
                    },
                ) {
                    RawSocket.upgrade(port).use { client ->
                        client.text("""{"type":"begin"}""")
                        isBusy.await()
                        val message = """{"type":"m","data":"${"x".repeat(SIZE)}"}"""
                        repeat(MESSAGES) { client.text(message) }
                        client.endOutput()
                        if (engine.readsUpToTheEnd) withTimeout(HANG_TIMEOUT) { inputEnd.await() }

                        mayContinue.complete(Unit)

                        if (engine.readsUpToTheEnd) {
                            client.readCloseCode() shouldBe CloseCode.TooManyMessages.wire
                            handled.get() * SIZE shouldBeLessThan 512 * 1024
                        } else {
                            eventually(HANG_TIMEOUT) { handled.get() shouldBe MESSAGES + 1 }
                        }
                    }
                }
            }
    }
})

private const val SIZE = 60_000
private const val MESSAGES = 20
private const val RECEIVE_BUFFER = 4 * 1024 * 1024

/** Whether the kernel allows a receive buffer for all messages. The system's default is a lower limit. */
private val canBuffer =
    File("/proc/sys/net/core/rmem_max").run { exists() && readText().trim().toInt() >= RECEIVE_BUFFER }

private val Engine.readsUpToTheEnd get() = this == Engine.NettyOnEpoll || this == Engine.NettyOnIoUring

/** Completes [seen] when the channel has read everything up to the end of the input. */
private class InputEnd(private val seen: CompletableDeferred<Unit>) : ChannelInboundHandlerAdapter() {
    override fun userEventTriggered(context: ChannelHandlerContext, event: Any) {
        if (event === ChannelInputShutdownEvent.INSTANCE) seen.complete(Unit)
        context.fireUserEventTriggered(event)
    }
}
