package dev.live.server

import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.server.session.CloseReason
import dev.live.server.support.Engine
import dev.live.server.support.EventClient
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.MIB
import dev.live.server.support.TestServer
import dev.live.server.support.amount
import dev.live.server.support.liveHeap
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.longs.shouldBeLessThan
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import java.io.InputStream
import java.net.InetSocketAddress
import java.net.Socket
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Event streams of clients that stop reading. */
class SlowEventStreamTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        context("on $engine") {
            test("a client that stops reading is closed with 4508, uses bounded memory and delays no other client") {
                val reasons = Channel<CloseReason>(Channel.UNLIMITED)
                withServer(engine, { numbers(reasons) }) {
                    val stalled = stalled()
                    val reader = EventClient.open(this, "/live/sse?topic=numbers")
                    reader.next()
                    val topic = application.live.topic("numbers")
                    val text = "x".repeat(4_000)
                    val before = liveHeap()

                    repeat(amount(4_000, 10_000)) {
                        topic.publish(text)
                        reader.next()
                    }

                    withTimeout(HANG_TIMEOUT) { reasons.receive() }.code shouldBe CloseCode.SlowConsumer
                    topic.subscribers shouldBe 1
                    (liveHeap() - before) shouldBeLessThan 8 * MIB
                    stalled.close()
                    reader.close()
                }
            }

            test("the memory of many stalled streams is bounded by their queues and engine buffers") {
                withServer(engine, { numbers(Channel(Channel.UNLIMITED), writeTimeout = 60.seconds) }) {
                    val before = liveHeap()
                    val stalled = List(STALLED) { stalled() }
                    val message = Message("x", body = Body.bytes(ByteArray(10_000)))

                    val senders =
                        application.live.sessions.map {
                            it.launch {
                                do {
                                    val taken = it.send(message)
                                } while (taken)
                            }
                        }
                    eventually(HANG_TIMEOUT) {
                        application.live.sessions.count { it.state.queue.bytes > MIB - 40_000 } shouldBe STALLED
                    }

                    ((liveHeap() - before) / STALLED) shouldBeLessThan 7 * MIB
                    senders.forEach { it.cancel() }
                    stalled.forEach { it.close() }
                }
            }

            test("a stalled client that resumes reading receives the close event") {
                withServer(engine, { numbers(Channel(Channel.UNLIMITED)) }) {
                    val stalled = stalled()
                    val text = "x".repeat(4_000)

                    while (application.live.sessions.isNotEmpty()) application.live.topic("numbers").publish(text)

                    stalled.linesAfterHead().first { it == "event: close" }
                    stalled.close()
                }
            }

            test("a client that reads nothing is closed after the write timeout, even without a queue overflow") {
                val reasons = Channel<CloseReason>(Channel.UNLIMITED)
                withServer(engine, { numbers(reasons, 300.milliseconds, 100_000, queueBytes = 64 * MIB.toInt()) }) {
                    val stalled = stalled()
                    val text = "x".repeat(4_000)

                    while (application.live.sessions.isNotEmpty()) application.live.topic("numbers").publish(text)

                    withTimeout(HANG_TIMEOUT) { reasons.receive() }.code shouldBe CloseCode.SlowConsumer
                    // CIO offers no way to abort a response: the connection counts until the client closes it
                    if (engine == Engine.Cio) stalled.close()
                    eventually(HANG_TIMEOUT) { application.live.stats.connections shouldBe 0 }
                    stalled.close()
                }
            }
        }
    }
})

private const val STALLED = 10

private class Stalled(private val socket: Socket) : AutoCloseable {
    private val input: InputStream = socket.getInputStream().buffered()

    fun linesAfterHead(): Sequence<String> = input.bufferedReader().lineSequence()

    override fun close() = socket.close()
}

/** A client that opens a stream, is subscribed, and reads nothing. */
private suspend fun TestServer.stalled(): Stalled {
    val socket = Socket()
    socket.receiveBufferSize = 4 * 1024
    socket.soTimeout = HANG_TIMEOUT.inWholeMilliseconds.toInt()
    socket.connect(InetSocketAddress("127.0.0.1", port))
    val before = application.live.topic("numbers").subscribers
    socket.getOutputStream().write(
        "GET /live/sse?topic=numbers HTTP/1.1\r\nHost: 127.0.0.1:$port\r\n\r\n".toByteArray(),
    )
    eventually(HANG_TIMEOUT) { application.live.topic("numbers").subscribers shouldBe before + 1 }
    return Stalled(socket)
}

private fun Application.numbers(
    reasons: Channel<CloseReason>,
    writeTimeout: Duration = 10.seconds,
    queueCapacity: Int = 256,
    queueBytes: Int = MIB.toInt(),
) {
    install(Live) {
        session {
            this.writeTimeout = writeTimeout
            this.queueCapacity = queueCapacity
            this.queueBytes = queueBytes
            closeTimeout = 1.seconds
        }
    }
    routing {
        live<Unit>("/live") {
            serverSentEvents()
            onClose { reason -> reasons.trySend(reason) }
            topic<String>("numbers")
        }
    }
}
