package dev.live.server.transport

import dev.live.server.support.clientFrame
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import java.nio.ByteBuffer
import kotlin.random.Random

class FrameDecoderTest : FunSpec({

    test("a message is unmasked at every mask offset, in chunks of any size") {
        val random = Random(7)
        for (size in 0..40) {
            val payload = random.nextBytes(size)
            val frame = clientFrame(2, payload, mask = random.nextBytes(4))
            for (chunk in 1..frame.size) {
                val decoder = BufferDecoder(FrameLimits(LIMIT), isMasked = true)

                val found = (frame.indices step chunk).mapNotNull {
                    decoder.decode(ByteBuffer.wrap(frame, it, minOf(chunk, frame.size - it)))
                }

                found.single().shouldBeInstanceOf<Inbound.Data>().bytes.toList() shouldBe payload.toList()
            }
        }
    }

    test("a violation is detected at the first byte that shows it") {
        val text = "plain".toByteArray()
        val tests =
            listOf(
                clientFrame(1, rsv = 1) to 1,
                clientFrame(1, text, mask = null) to 2,
                clientFrame(2, ByteArray(5), lengthBytes = 2) to 4,
                clientFrame(2, claimedLength = LIMIT + 1L) to 10,
                clientFrame(1, text + 0xFF.toByte() + text) to 2 + 4 + 6,
            )
        for ((frame, count) in tests) {
            val decoder = BufferDecoder(FrameLimits(LIMIT), isMasked = true)
            for (i in 0 until count - 1) decoder.decode(ByteBuffer.wrap(frame, i, 1)).shouldBeNull()

            shouldThrow<SocketViolation> { decoder.decode(ByteBuffer.wrap(frame, count - 1, 1)) }
        }
    }

    test("one complete frame is decoded at a time, and the next one stays in the buffer") {
        val decoder = BufferDecoder(FrameLimits(LIMIT), isMasked = true)
        val bytes = ByteBuffer.wrap(clientFrame(0x9) + clientFrame(1, "a".toByteArray()) + clientFrame(0xA))

        decoder.decode(bytes).shouldBeInstanceOf<Inbound.Ping>()
        decoder.decode(bytes).shouldBeInstanceOf<Inbound.Data>()
        decoder.decode(bytes) shouldBe Inbound.Pong
        decoder.decode(bytes).shouldBeNull()
    }

    test("bytes after a close frame are discarded, even invalid ones") {
        val decoder = BufferDecoder(FrameLimits(LIMIT), isMasked = true)
        val bytes = ByteBuffer.wrap(clientFrame(0x8) + clientFrame(0x9) + ByteArray(50) { -1 })

        decoder.decode(bytes).shouldBeInstanceOf<Inbound.Close>()

        decoder.decode(bytes).shouldBeNull()
        bytes.hasRemaining() shouldBe false
    }

    test("a message in fragments of one byte is accepted within the limits") {
        val text = "é".repeat(500)
        val bytes = text.toByteArray()
        val decoder = BufferDecoder(FrameLimits(maxMessageSize = bytes.size), isMasked = true)
        val frames =
            bytes.indices.map { i ->
                clientFrame(if (i == 0) 1 else 0, byteArrayOf(bytes[i]), fin = i == bytes.lastIndex)
            }

        val found = frames.mapNotNull { decoder.decode(ByteBuffer.wrap(it)) }

        found.single().shouldBeInstanceOf<Inbound.Data>().bytes.decodeToString() shouldBe text
    }

    test("a header with a large length allocates no memory for it") {
        val size = Int.MAX_VALUE - 16
        val decoders =
            List(1_000) {
                val decoder = BufferDecoder(FrameLimits(size), isMasked = true)
                decoder.decode(ByteBuffer.wrap(clientFrame(2, ByteArray(3), claimedLength = size.toLong())))
                decoder
            }

        decoders.size shouldBe 1_000
    }
})
