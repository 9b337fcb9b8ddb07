@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.transport

import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.ints.shouldBeInRange
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldStartWith
import io.kotest.property.Arb
import io.kotest.property.arbitrary.Codepoint
import io.kotest.property.arbitrary.of
import io.kotest.property.arbitrary.string
import io.kotest.property.checkAll
import io.ktor.utils.io.ByteChannel
import io.ktor.utils.io.cancel
import io.ktor.utils.io.exhausted
import io.ktor.utils.io.readAvailable
import io.ktor.utils.io.writeFully
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import java.io.IOException

internal class KtorSocketContractTest : SocketContract({ ByteChannelEnd(it) })

class KtorSocketTest : FunSpec({

    test("write suspends while the client reads nothing and the pipe is full") {
        runTest {
            val client = ByteChannelEnd(FrameLimits(1_024))
            val frames = arrayOfNulls<OutboundFrame>(64)
            var batches = 0
            launch {
                repeat(4) {
                    frames.fill(OutboundFrame(Opcode.Binary, ByteArray(10_000)))
                    client.socket.write(frames, frames.size)
                    batches++
                }
            }
            runCurrent()
            batches shouldBeInRange 1..2

            client.take(4 * 64 * 10_004)
            runCurrent()

            batches shouldBe 4
        }
    }

    test("a frame whose write is cancelled is still written completely, and a close frame follows") {
        runTest {
            val client = ByteChannelEnd(FrameLimits(1_024))
            val writing = launch { client.socket.write(arrayOf(OutboundFrame(Opcode.Binary, ByteArray(5_000_000))), 1) }
            runCurrent()
            writing.cancel()
            runCurrent()

            val closing = launch { client.socket.close(4508, "too slow", closeReceived = true) }

            client.take(10 + 5_000_000).last() shouldBe 0
            client.take(2 + 10).toList() shouldBe listOf(0x88.toByte(), 10) + closePayload(4508, "too slow").toList()
            client.end()
            closing.join()
        }
    }

    test("a connection cancelled by the engine counts as lost, and cancels no coroutine") {
        runTest {
            val client = ByteChannelEnd(FrameLimits(1_024))
            client.input.cancel(CancellationException("the engine let go"))
            client.output.cancel(CancellationException("the engine let go"))

            client.socket.receive().shouldBeNull()
            shouldThrow<IOException> { client.socket.write(arrayOf(OutboundFrame(Opcode.Text, ByteArray(1))), 1) }
        }
    }

    test("abort ends pending reads and writes") {
        runTest {
            val client = ByteChannelEnd(FrameLimits(1_024))
            val receiving = launch { client.socket.receive().shouldBeNull() }
            runCurrent()

            client.socket.abort()
            receiving.join()

            shouldThrow<IOException> { client.take(1) }
        }
    }

    test("a close reason is truncated to 123 bytes between characters") {
        checkAll(Arb.string(0..200, Arb.of("eé€😀".codePoints().toArray().map(::Codepoint)))) { reason ->
            val payload = closePayload(4508, reason)

            payload.size shouldBeInRange 2..125
            payload.take(2) shouldBe listOf((4508 shr 8).toByte(), 4508.toByte())
            val text = payload.decodeToString(2, payload.size, throwOnInvalidSequence = true)
            reason shouldStartWith text
            val size = reason.encodeToByteArray().size
            payload.size shouldBeInRange if (size <= 123) size + 2..size + 2 else 122..125
        }
    }

    test("a close reason of exactly 123 bytes is kept, one character more is dropped") {
        closePayload(1000, "é".repeat(61) + "e").size shouldBe 125
        closePayload(1000, "é".repeat(62)).size shouldBe 124
        closePayload(1000, "e".repeat(124)).size shouldBe 125
    }
})

/** The client side of a [KtorSocket] over in-memory channels. */
private class ByteChannelEnd(limits: FrameLimits) : ClientEnd {
    val input = ByteChannel()
    val output = ByteChannel()

    override val socket = KtorSocket(input, output, limits)

    override suspend fun send(bytes: ByteArray) {
        input.writeFully(bytes)
        input.flush()
    }

    override suspend fun end() = input.flushAndClose()

    override fun abort() {
        input.cancel(IOException("broken"))
        output.cancel(IOException("broken"))
    }

    override suspend fun take(count: Int): ByteArray {
        val taken = ByteArray(count)
        var filled = 0
        while (filled < count) {
            val more = output.readAvailable(taken, filled, count - filled)
            if (more < 0) throw IOException("the server ended after $filled bytes")
            filled += more
        }
        return taken
    }

    override suspend fun isEnded(): Boolean = output.exhausted()
}
