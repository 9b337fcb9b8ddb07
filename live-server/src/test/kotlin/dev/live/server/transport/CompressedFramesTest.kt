package dev.live.server.transport

import dev.live.protocol.CloseCode
import dev.live.server.support.clientFrame
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import java.nio.ByteBuffer

/** Frames of clients that have negotiated compression, before their messages are inflated. */
class CompressedFramesTest : FunSpec({

    test("the first frame of a message can have the compression bit, and its payload is passed on unchanged") {
        val decoder = decoder()

        val data = decoder.decode(clientFrame(TEXT, NOT_UTF8, rsv = COMPRESSED)).shouldBeInstanceOf<Inbound.Data>()

        data.run { listOf(isText, isCompressed, bytes.toList()) } shouldBe listOf(true, true, NOT_UTF8.toList())
    }

    test("a message without the compression bit is not compressed, and its text is checked") {
        val decoder = decoder()
        decoder.decode(clientFrame(TEXT, NOT_UTF8, rsv = COMPRESSED)).shouldBeInstanceOf<Inbound.Data>()

        decoder.decode(clientFrame(BINARY, NOT_UTF8)).shouldBeInstanceOf<Inbound.Data>().isCompressed shouldBe false
        shouldThrow<SocketViolation> { decoder.decode(clientFrame(TEXT, NOT_UTF8)) }.code shouldBe CloseCode.InvalidText
    }

    test("a compressed message can be fragmented, with control frames between its fragments") {
        val decoder = decoder()

        decoder.decode(clientFrame(TEXT, byteArrayOf(-1), fin = false, rsv = COMPRESSED)) shouldBe null
        decoder.decode(clientFrame(PING)).shouldBeInstanceOf<Inbound.Ping>()
        decoder.decode(clientFrame(0, byteArrayOf(-2), fin = false)) shouldBe null
        val data = decoder.decode(clientFrame(0, byteArrayOf(-3))).shouldBeInstanceOf<Inbound.Data>()

        data.run { listOf(isText, isCompressed, bytes.toList()) } shouldBe listOf(true, true, listOf<Byte>(-1, -2, -3))
    }

    test("the compression bit in another frame, and other reserved bits, are violations") {
        val violations =
            listOf(
                "a continuation" to
                    clientFrame(TEXT, fin = false, rsv = COMPRESSED) + clientFrame(0, rsv = COMPRESSED),
                "a ping" to clientFrame(PING, rsv = COMPRESSED),
                "a pong" to clientFrame(0xA, rsv = COMPRESSED),
                "a close frame" to clientFrame(0x8, rsv = COMPRESSED),
                "the second bit" to clientFrame(TEXT, rsv = 2),
                "all bits" to clientFrame(TEXT, rsv = 7),
            )
        for ((name, frames) in violations) {
            withClue(name) {
                val bytes = ByteBuffer.wrap(frames)
                val decoder = decoder()
                shouldThrow<SocketViolation> { while (bytes.hasRemaining()) decoder.decode(bytes) }.code shouldBe
                    CloseCode.WebSocketViolated
            }
        }
    }

    test("the compression bit is a violation if compression was not negotiated") {
        val decoder = BufferDecoder(FrameLimits(MAX_SIZE), isMasked = true)

        val violation = shouldThrow<SocketViolation> { decoder.decode(clientFrame(TEXT, rsv = COMPRESSED)) }

        violation.code shouldBe CloseCode.WebSocketViolated
        violation.message shouldBe "extension bits set without a negotiated extension"
    }

    test("a compressed message may be larger than the limit by as much as compression can enlarge a message") {
        val limits = FrameLimits(MAX_SIZE).withCompression()
        val largest = limits.maxCompressedSize

        largest shouldBe MAX_SIZE + MAX_SIZE / 8 + 64
        decoder().decode(clientFrame(BINARY, ByteArray(largest), rsv = COMPRESSED)).shouldBeInstanceOf<Inbound.Data>()
        for (frame in listOf(
            clientFrame(BINARY, ByteArray(MAX_SIZE + 1)),
            clientFrame(BINARY, ByteArray(largest + 1), rsv = COMPRESSED),
        )) {
            shouldThrow<SocketViolation> { decoder().decode(frame) }.code shouldBe CloseCode.TooLarge
        }
        FrameLimits(Int.MAX_VALUE).maxCompressedSize shouldBe Int.MAX_VALUE - 8
    }
})

private const val MAX_SIZE = 1_000
private const val TEXT = 1
private const val BINARY = 2
private const val PING = 9
private const val COMPRESSED = 4
private val NOT_UTF8 = byteArrayOf(-1, -2)

private fun decoder() = BufferDecoder(FrameLimits(MAX_SIZE).withCompression(), isMasked = true)

private fun BufferDecoder.decode(bytes: ByteArray): Inbound? = decode(ByteBuffer.wrap(bytes))
