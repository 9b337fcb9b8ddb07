@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.transport

import dev.live.protocol.CloseCode
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.support.amount
import dev.live.server.support.clientFrame
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.booleans.shouldBeFalse
import io.kotest.matchers.booleans.shouldBeTrue
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.netty.buffer.ByteBuf
import io.netty.buffer.Unpooled
import io.netty.util.concurrent.AbstractEventExecutor
import io.netty.util.concurrent.Future
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import java.io.IOException
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.TimeUnit

internal class NettySocketContractTest : SocketContract({ EmbeddedEnd(it) })

internal class CoveredNettySocketContractTest :
    SocketContract({ EmbeddedEnd(it, isBare = false) })

/** The reader is the test's coroutine, so any dispatcher makes the socket read off the event loop. */
internal class NettySocketWithReadersContractTest :
    SocketContract({ EmbeddedEnd(it, readers = Dispatchers.Default) })

class NettySocketTest : FunSpec({

    test("the channel stops reading while received messages are pending, and resumes when they are taken") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LIMIT))
            repeat(15) { client.send(clientFrame(1)) }
            client.channel.config().isAutoRead.shouldBeTrue()
            client.send(clientFrame(1))
            client.channel.config().isAutoRead.shouldBeFalse()

            repeat(11) { client.socket.receive() }
            client.channel.config().isAutoRead.shouldBeFalse()
            client.socket.receive()

            client.channel.config().isAutoRead.shouldBeTrue()
        }
    }

    test("a socket whose queue was filled before it starts to read waits until messages are taken") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LIMIT))
            client.channel.config().isAutoRead = false
            repeat(16) { client.send(clientFrame(1)) }

            client.socket.startReading()
            client.channel.config().isAutoRead.shouldBeFalse()

            repeat(12) { client.socket.receive() }
            client.channel.config().isAutoRead.shouldBeTrue()
        }
    }

    test("a reader on another thread receives all messages in order, while the channel pauses and resumes") {
        runTest {
            val executor = QueuedExecutor()
            val client = EmbeddedEnd(FrameLimits(LIMIT), NettyLoop(executor), readers = Dispatchers.Default)
            val count = amount(quick = 20_000, thorough = 1_000_000)
            val reader = async(Dispatchers.Default) {
                List(count) { (client.socket.read() as Inbound.Data).bytes.decodeToString() }
            }

            for (i in 0 until count) {
                while (!client.channel.config().isAutoRead) executor.runTasks()
                client.channel.writeInbound(Unpooled.wrappedBuffer(clientFrame(1, "$i".toByteArray())))
            }

            reader.await() shouldContainExactly List(count) { "$it" }
            executor.runTasks()
            client.channel.config().isAutoRead.shouldBeTrue()
        }
    }

    for ((position, isBare) in positions) {
        test(
            "frames offered while the client does not read stay in the source until it resumes, $position",
        ) {
            runTest {
                val client = EmbeddedEnd(FrameLimits(LIMIT), isBare = isBare)
                val source = FakeSource()
                client.socket.pump(this, source, source) {}
                client.stall()
                source.offer("1")
                client.runTasks()
                source.isWriting.shouldBeTrue()

                source.offer("2")
                source.offer("3")
                client.runTasks()
                source.waiting shouldBe 2

                client.resume()
                client.runTasks()

                source.waiting shouldBe 0
                source.isWriting.shouldBeFalse()
                client.take(9).decodeToString() shouldBe "\uFFFD\u00011\uFFFD\u00012\uFFFD\u00013"
            }
        }
    }

    for ((position, isBare) in positions) {
        test("a write that completes later asks for frames again only if some wait, $position") {
            runTest {
                val client = EmbeddedEnd(FrameLimits(LIMIT), isBare = isBare)
                val source = FakeSource()
                client.socket.pump(this, source, source) {}
                client.stall()
                source.offer("1")
                client.runTasks()
                source.polls shouldBe 1

                client.resume()
                client.runTasks()
                source.isWriting.shouldBeFalse()
                source.polls shouldBe 1

                source.offer("2")
                client.runTasks()
                client.take(6).decodeToString() shouldBe "\uFFFD\u00011\uFFFD\u00012"
            }
        }

        test("frames that did not fit into a write that completes later follow it, $position") {
            runTest {
                val client = EmbeddedEnd(FrameLimits(LIMIT), isBare = isBare)
                val source = FakeSource()
                client.socket.pump(this, source, source) {}
                client.stall()
                repeat(MAX_BATCH + 1) { source.offer("a") }
                client.runTasks()
                source.waiting shouldBe 1

                client.resume()
                client.runTasks()

                source.waiting shouldBe 0
                client.take((MAX_BATCH + 1) * 3)
            }
        }

        test("a source that is closed during a write ends the pump when the write has completed, $position") {
            runTest {
                val client = EmbeddedEnd(FrameLimits(LIMIT), isBare = isBare)
                val source = FakeSource()
                val ends = mutableListOf<IOException?>()
                client.socket.pump(this, source, source) { ends += it }
                client.stall()
                source.offer("1")
                client.runTasks()
                source.close()
                client.runTasks()
                ends.shouldBeEmpty()

                client.resume()
                client.runTasks()

                ends shouldBe listOf(null)
            }
        }
    }

    for ((position, isBare) in positions) {
        test("a closed source ends the pump after its last frame, $position") {
            runTest {
                val client = EmbeddedEnd(FrameLimits(LIMIT), isBare = isBare)
                val source = FakeSource()
                val ends = mutableListOf<IOException?>()
                client.socket.pump(this, source, source) { ends += it }
                client.runTasks()

                source.offer("1")
                source.close()
                ends.shouldBeEmpty()
                client.runTasks()

                ends shouldBe listOf(null)
                client.take(3)[2] shouldBe '1'.code.toByte()
                source.waker.shouldBeNull()
            }
        }
    }

    for ((position, isBare) in positions) {
        test("a lost connection ends the pump once with the cause, $position") {
            runTest {
                val client = EmbeddedEnd(FrameLimits(LIMIT), isBare = isBare)
                val source = FakeSource()
                val ends = mutableListOf<IOException?>()
                client.socket.pump(this, source, source) { ends += it }
                client.stall()
                source.offer("1")
                client.runTasks()

                client.abort()
                source.offer("2")
                client.runTasks()

                ends.single().shouldBeInstanceOf<IOException>()
            }
        }
    }

    test("a failing write ends the pump once, closes the channel and leaks no buffer") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LIMIT))
            val source = FakeSource()
            val ends = mutableListOf<IOException?>()
            client.socket.pump(this, source, source) { ends += it }
            client.channel.isBroken = true
            val frame = OutboundFrame(Opcode.Text, "lost".toByteArray())
            client.loop.batch[0] = frame
            val bytes = client.loop.run { writeBuffer.of(batch, 1, client.channel.pipeline().firstContext()) }

            source.offer(frame)
            client.runTasks()

            ends.single().shouldBeInstanceOf<IOException>()
            client.channel.isOpen shouldBe false
            bytes.refCnt() shouldBe 1
            bytes.release()
        }
    }

    test("sockets of one loop that write the same frames share a buffer") {
        runTest {
            val frame = OutboundFrame(Opcode.Text, "shared".toByteArray())
            val buffer = SharedWriteBuffer()
            val context = EmbeddedEnd(FrameLimits(LIMIT)).channel.pipeline().firstContext()

            val first = buffer.of(arrayOf(frame, null), 1, context)
            first.skipBytes(3) // the first socket has written a part of it
            val second = buffer.of(arrayOf(frame, null), 1, context)
            val other = buffer.of(arrayOf(frame, frame), 2, context)

            second.memoryAddress() shouldBe first.memoryAddress()
            second.readableBytes() shouldBe frame.wire.size
            other.readableBytes() shouldBe 2 * frame.wire.size
            buffer.release()
            listOf(first, second, other).forEach { it.release() }
            first.refCnt() shouldBe 0
            other.refCnt() shouldBe 0
        }
    }

    test("a buffer written without a pump is released after the write") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LIMIT))
            client.socket.write(arrayOf(OutboundFrame(Opcode.Text, "once".toByteArray())), 1)

            client.channel.readOutbound<ByteBuf>().release().shouldBeTrue()
        }
    }

    test("a failing socket is closed, and other sockets of the loop are still written") {
        runTest {
            val failing = EmbeddedEnd(FrameLimits(LIMIT))
            val other = EmbeddedEnd(FrameLimits(LIMIT), failing.loop)
            val source = FakeSource()
            val ends = mutableListOf<IOException?>()
            failing.socket.pump(this, FailingSource(), source) { ends += it }
            other.socket.pump(this, source, source) {}

            source.offer("1")
            failing.runTasks()

            ends.single().shouldBeInstanceOf<IOException>()
            failing.channel.isOpen shouldBe false
            source.waiting shouldBe 0
        }
    }

    test("writes that complete at once leave no pending state") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LIMIT))
            val source = FakeSource()
            client.socket.pump(this, source, source) {}
            repeat(3) {
                source.offer("$it")
                client.runTasks()
                source.isWriting.shouldBeFalse()
            }

            client.take(9).decodeToString() shouldBe "\uFFFD\u00010\uFFFD\u00011\uFFFD\u00012"
            client.channel.outboundMessages().shouldBeEmpty()
        }
    }

    test("stopReading cancels a pending read and later ones") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LIMIT))
            val reading = launch { client.socket.read() }
            runCurrent()

            client.socket.stopReading()
            client.runTasks()
            runCurrent()

            reading.isCancelled shouldBe true
            shouldThrow<CancellationException> { client.socket.read() }
        }
    }

    test("a few large pending messages stop the channel from reading, like many small ones") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LARGE))
            repeat(2) { client.send(clientFrame(2, ByteArray(LARGE))) }
            client.channel.config().isAutoRead.shouldBeFalse()

            repeat(2) { client.socket.receive() }

            client.channel.config().isAutoRead.shouldBeTrue()
        }
    }

    test("a channel that still reads after the queue is full ends the session, after all messages before the limit") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LARGE))
            val size = clientFrame(2, ByteArray(LARGE)).size
            val accepted = 2 + MAX_OVERRUN_BYTES / size
            repeat(accepted) { client.send(clientFrame(2, ByteArray(LARGE))) }

            repeat(3) { client.send(clientFrame(2, ByteArray(LARGE))) }

            repeat(accepted) { client.socket.receive().shouldBeInstanceOf<Inbound.Data>() }
            shouldThrow<SocketViolation> { client.socket.receive() }.code shouldBe CloseCode.TooManyMessages
        }
    }

    test("a queue that was full several times has the whole limit each time") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LARGE))
            repeat(5) {
                repeat(2 + 4) { client.send(clientFrame(2, ByteArray(LARGE))) }
                repeat(2 + 4) { client.socket.receive().shouldBeInstanceOf<Inbound.Data>() }
            }
        }
    }

    test("abort ends a pending receive") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LIMIT))
            val receiving = launch { client.socket.receive().shouldBeNull() }
            runCurrent()

            client.socket.abort()
            client.runTasks()

            receiving.join()
        }
    }
})

private val positions = listOf("at the channel" to true, "behind another handler" to false)

private const val LARGE = 40_000

/** Runs its tasks on the thread of the test, which is its event loop. */
internal class QueuedExecutor : AbstractEventExecutor() {
    private val tasks = ConcurrentLinkedQueue<Runnable>()
    private val owner = Thread.currentThread()

    val size: Int get() = tasks.size

    fun runTasks() {
        while (true) (tasks.poll() ?: break).run()
    }

    override fun execute(task: Runnable) {
        tasks += task
    }

    override fun inEventLoop(thread: Thread): Boolean = thread === owner

    override fun isShuttingDown(): Boolean = false

    override fun isShutdown(): Boolean = false

    override fun isTerminated(): Boolean = false

    override fun awaitTermination(timeout: Long, unit: TimeUnit): Boolean = false

    override fun terminationFuture(): Future<*> = error("not used in this test")

    override fun shutdownGracefully(quietPeriod: Long, timeout: Long, unit: TimeUnit): Future<*> =
        error("not used in this test")

    @Deprecated("Deprecated in Netty", level = DeprecationLevel.WARNING)
    override fun shutdown() = Unit
}

/** A source that fails when it is polled. */
private class FailingSource : FrameSource {
    override val isIdle: Boolean = false

    override var waker: Runnable? = null

    override fun poll(batch: Array<OutboundFrame?>): Int = throw OutOfMemoryError("no more direct memory")

    override suspend fun take(batch: Array<OutboundFrame?>): Int = error("not used in this test")
}
