@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.transport

import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.support.clientFrame
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.booleans.shouldBeFalse
import io.kotest.matchers.booleans.shouldBeTrue
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.netty.buffer.ByteBuf
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import java.io.IOException

internal class NettySocketContractTest : SocketContract({ EmbeddedEnd(it) })

internal class CoveredNettySocketContractTest :
    SocketContract({ EmbeddedEnd(it, isBare = false) })

class NettySocketTest : FunSpec({

    test("while nobody takes what came, the channel stops to read; and reads on when it was taken") {
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

    for ((place, isBare) in places) {
        test(
            "what was pumped while the client took nothing is the session's, and goes out when it takes again, $place",
        ) {
            runTest {
                val client = EmbeddedEnd(FrameLimits(LIMIT), isBare = isBare)
                val source = FakeSource()
                client.socket.pump(this, source, source) {}
                client.stall()
                source.offer("1")
                client.turn()
                source.isWriting.shouldBeTrue()

                source.offer("2")
                source.offer("3")
                client.turn()
                source.waiting shouldBe 2

                client.flow()
                client.turn()

                source.waiting shouldBe 0
                source.isWriting.shouldBeFalse()
                client.take(9).decodeToString() shouldBe "\uFFFD\u00011\uFFFD\u00012\uFFFD\u00013"
            }
        }
    }

    for ((place, isBare) in places) {
        test("a closed source ends the pump when all of it was written, $place") {
            runTest {
                val client = EmbeddedEnd(FrameLimits(LIMIT), isBare = isBare)
                val source = FakeSource()
                val ends = mutableListOf<IOException?>()
                client.socket.pump(this, source, source) { ends += it }
                client.turn()

                source.offer("1")
                source.close()
                ends.shouldBeEmpty()
                client.turn()

                ends shouldBe listOf(null)
                client.take(3)[2] shouldBe '1'.code.toByte()
                source.waker.shouldBeNull()
            }
        }
    }

    for ((place, isBare) in places) {
        test("a connection that breaks ends the pump once, with the reason, $place") {
            runTest {
                val client = EmbeddedEnd(FrameLimits(LIMIT), isBare = isBare)
                val source = FakeSource()
                val ends = mutableListOf<IOException?>()
                client.socket.pump(this, source, source) { ends += it }
                client.stall()
                source.offer("1")
                client.turn()

                client.abort()
                source.offer("2")
                client.turn()

                ends.single().shouldBeInstanceOf<IOException>()
            }
        }
    }

    test("a write that fails at once ends the pump once, closes the channel, and keeps nothing") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LIMIT))
            val source = FakeSource()
            val ends = mutableListOf<IOException?>()
            client.socket.pump(this, source, source) { ends += it }
            client.channel.isBroken = true
            val frame = OutboundFrame(Opcode.Text, "lost".toByteArray())
            client.loop.batch[0] = frame
            val bytes = client.loop.concatenated(1, client.channel.pipeline().firstContext())

            source.offer(frame)
            client.turn()

            ends.single().shouldBeInstanceOf<IOException>()
            client.channel.isOpen shouldBe false
            bytes.refCnt() shouldBe 1
            bytes.release()
        }
    }

    test("sockets of one loop that write the same frames share one buffer of them") {
        runTest {
            val frame = OutboundFrame(Opcode.Text, "shared".toByteArray())
            val run = SharedWriteBuffer()
            val context = EmbeddedEnd(FrameLimits(LIMIT)).channel.pipeline().firstContext()

            val first = run.of(arrayOf(frame, null), 1, context)
            first.skipBytes(3) // the first socket has written some of it
            val second = run.of(arrayOf(frame, null), 1, context)
            val other = run.of(arrayOf(frame, frame), 2, context)

            second.memoryAddress() shouldBe first.memoryAddress()
            second.readableBytes() shouldBe frame.wire.size
            other.readableBytes() shouldBe 2 * frame.wire.size
            run.release()
            listOf(first, second, other).forEach { it.release() }
            first.refCnt() shouldBe 0
            other.refCnt() shouldBe 0
        }
    }

    test("what was written without a pump is let go when the client has taken it") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LIMIT))
            client.socket.write(arrayOf(OutboundFrame(Opcode.Text, "once".toByteArray())), 1)

            client.channel.readOutbound<ByteBuf>().release().shouldBeTrue()
        }
    }

    test("a socket that fails is closed, and those behind it are written to as ever") {
        runTest {
            val failing = EmbeddedEnd(FrameLimits(LIMIT))
            val other = EmbeddedEnd(FrameLimits(LIMIT), failing.loop)
            val source = FakeSource()
            val ends = mutableListOf<IOException?>()
            failing.socket.pump(this, FailingSource(), source) { ends += it }
            other.socket.pump(this, source, source) {}

            source.offer("1")
            failing.turn()

            ends.single().shouldBeInstanceOf<IOException>()
            failing.channel.isOpen shouldBe false
            source.waiting shouldBe 0
        }
    }

    test("writes that the client takes at once leave nothing behind that the next would have to wait for") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LIMIT))
            val source = FakeSource()
            client.socket.pump(this, source, source) {}
            repeat(3) {
                source.offer("$it")
                client.turn()
                source.isWriting.shouldBeFalse()
            }

            client.take(9).decodeToString() shouldBe "\uFFFD\u00010\uFFFD\u00011\uFFFD\u00012"
            client.channel.outboundMessages().shouldBeEmpty()
        }
    }

    test("what stops the reading cancels who reads, and whoever would") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LIMIT))
            val reading = launch { client.socket.read() }
            runCurrent()

            client.socket.stopReading()
            client.turn()
            runCurrent()

            reading.isCancelled shouldBe true
            shouldThrow<CancellationException> { client.socket.read() }
        }
    }

    test("a few large messages that nobody takes stop the channel as many small ones do") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LARGE))
            repeat(2) { client.send(clientFrame(2, ByteArray(LARGE))) }
            client.channel.config().isAutoRead.shouldBeFalse()

            repeat(2) { client.socket.receive() }

            client.channel.config().isAutoRead.shouldBeTrue()
        }
    }

    test("an aborted socket ends whoever reads from it") {
        runTest {
            val client = EmbeddedEnd(FrameLimits(LIMIT))
            val receiving = launch { client.socket.receive().shouldBeNull() }
            runCurrent()

            client.socket.abort()
            client.turn()

            receiving.join()
        }
    }
})

private val places = listOf("at the channel" to true, "behind another handler" to false)

private const val LARGE = 40_000

/** A queue whose frames cannot be had. */
private class FailingSource : FrameSource {
    override var waker: Runnable? = null

    override fun poll(batch: Array<OutboundFrame?>): Int = throw OutOfMemoryError("no more direct memory")

    override suspend fun take(batch: Array<OutboundFrame?>): Int = error("nobody waits for this source")
}
