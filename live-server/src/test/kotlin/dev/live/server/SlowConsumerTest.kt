package dev.live.server

import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.Message
import dev.live.server.session.CloseReason
import dev.live.server.session.Session
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.MIB
import dev.live.server.support.RawSocket
import dev.live.server.support.TestServer
import dev.live.server.support.amount
import dev.live.server.support.liveHeap
import dev.live.server.support.withServer
import dev.live.server.topic.publish
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.longs.shouldBeLessThan
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

class SlowConsumerTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        context("on $engine") {
            test("a client that stops reading is closed with 4508, uses bounded memory and delays no other client") {
                val reasons = Channel<CloseReason>(Channel.UNLIMITED)
                withServer(engine, { numbers(reasons) }) {
                    val readers = List(READERS) { join() }
                    val stalled = join(receiveBuffer = SMALL_BUFFER)
                    val before = liveHeap()
                    var during = 0L

                    coroutineScope {
                        val readerProgress = readers.map { reader ->
                            Channel<Int>(Channel.UNLIMITED).also { progress ->
                                launch(Dispatchers.IO) { reader.readInOrder(progress) }
                            }
                        }
                        publishTo(readerProgress) { published -> if (published == MESSAGES / 2) during = liveHeap() }
                    }

                    val reason = withTimeout(HANG_TIMEOUT) { reasons.receive() }
                    reason.code shouldBe CloseCode.SlowConsumer
                    reason.byClient shouldBe false
                    application.live.topic("numbers").subscribers shouldBe READERS
                    (during - before) shouldBeLessThan 8 * MIB + engine.maxBytesPerClient
                    (liveHeap() - before) shouldBeLessThan 8 * MIB + engine.maxBytesPerClient
                    (readers + stalled).forEach { it.close() }
                }
            }

            test("a stalled client that resumes reading receives close code 4508") {
                withServer(engine, { numbers(Channel(Channel.UNLIMITED)) }) {
                    val stalled = join(receiveBuffer = SMALL_BUFFER)
                    val text = "x".repeat(4_000)
                    val topic = application.live.topic("numbers")

                    while (application.live.sessions.isNotEmpty()) topic.publish(text)

                    stalled.readCloseCode() shouldBe 4508
                    stalled.close()
                }
            }

            test("a client that reads nothing is closed after the write timeout, even without a queue overflow") {
                val reasons = Channel<CloseReason>(Channel.UNLIMITED)
                withServer(engine, { numbers(reasons, writeTimeout = 300.milliseconds, queueCapacity = 100_000) }) {
                    val stalled = join(receiveBuffer = SMALL_BUFFER)
                    val session = application.live.sessions.single()
                    val message = Message("x", body = Body.bytes(ByteArray(60_000)))

                    session.sendUntilItEnds(message) // send waits for space, so the queue cannot overflow

                    val reason = withTimeout(HANG_TIMEOUT) { reasons.receive() }
                    reason.toString() shouldBe "4508 (client accepted no bytes for 300ms)"
                    stalled.close()
                }
            }

            test("the memory of many stalled clients is bounded by their queues and transport buffers") {
                withServer(engine, { numbers(Channel(Channel.UNLIMITED), writeTimeout = 60.seconds) }) {
                    val before = liveHeap()
                    val stalled = List(STALLED) { join(receiveBuffer = SMALL_BUFFER) }
                    val message = Message("x", body = Body.bytes(ByteArray(10_000)))

                    val senders = application.live.sessions.map { session ->
                        session.launch { session.sendUntilItEnds(message) }
                    }
                    eventually(HANG_TIMEOUT) {
                        application.live.sessions.count { it.state.queue.bytes > MIB - 20_000 } shouldBe STALLED
                    }

                    ((liveHeap() - before) / STALLED) shouldBeLessThan engine.maxBytesPerClient
                    senders.forEach { it.cancel() }
                    stalled.forEach { it.close() }
                    eventually(HANG_TIMEOUT) { application.live.sessions shouldHaveSize 0 }
                }
            }
        }
    }
})

/**
 * The memory bound of one stalled client: 1 MiB of queue plus transport buffers. Ktor's byte channels add a pipe to the
 * engine, which takes 1 MiB, and the engine holds as much again. CIO has a second pipe behind it.
 */
private val Engine.maxBytesPerClient: Long
    get() =
        when (this) {
            Engine.Netty, Engine.NettyOnEpoll, Engine.NettyOnIoUring -> MIB + MIB / 4
            Engine.PortableNetty -> 3 * MIB + MIB / 2
            Engine.Cio -> 6 * MIB
        }

private const val READERS = 50

/** Makes the unread messages of the stalled client exceed the kernel's buffers. */
private val PADDING = "-".repeat(1_000)

private const val STALLED = 20
private val MESSAGES = amount(20_000, 100_000)

/** Messages between two checks of the readers' progress: well below the queue's 256, so that only a stall overflows. */
private const val WINDOW = 100

/** A receive buffer that the kernel does not grow, so unread messages stay with the server. */
private const val SMALL_BUFFER = 16 * 1024

private fun TestServer.join(receiveBuffer: Int? = null): RawSocket {
    val socket = RawSocket.upgrade(port, receiveBuffer = receiveBuffer)
    socket.text("""{"type":"subscribe","topic":"numbers"}""")
    socket.readFrame().second.decodeToString() shouldBe """{"type":"ack","topic":"numbers"}"""
    return socket
}

private fun RawSocket.readInOrder(progress: Channel<Int>) {
    for (expected in 1..MESSAGES) {
        val text = readFrame().second.decodeToString()
        check(text == """{"type":"message","topic":"numbers","data":"$expected$PADDING"}""") {
            "expected $expected, was $text"
        }
        if (expected % WINDOW == 0) progress.trySend(expected)
    }
}

private suspend fun TestServer.publishTo(readerProgress: List<Channel<Int>>, onWindow: (Int) -> Unit) {
    val topic = application.live.topic("numbers")
    for (number in 1..MESSAGES) {
        topic.publish("$number$PADDING")
        if (number % WINDOW == 0) {
            for (progress in readerProgress) withTimeout(HANG_TIMEOUT) { progress.receive() } shouldBe number
            onWindow(number)
        }
    }
}

private suspend fun Session<*>.sendUntilItEnds(message: Message) {
    do {
        val taken = send(message)
    } while (taken)
}

private fun Application.numbers(
    reasons: Channel<CloseReason>,
    writeTimeout: Duration = 10.seconds,
    queueCapacity: Int = 256,
) {
    install(Live) {
        session {
            this.writeTimeout = writeTimeout
            this.queueCapacity = queueCapacity
        }
        topics { linger = Duration.ZERO }
        heartbeat {
            // these clients send nothing, and a slow machine needs time
            interval = 10.minutes
            timeout = 20.minutes
        }
    }
    routing {
        live<Unit>("/live") {
            rawTopic("numbers")
            onClose { reason -> reasons.trySend(reason) }
        }
    }
}
