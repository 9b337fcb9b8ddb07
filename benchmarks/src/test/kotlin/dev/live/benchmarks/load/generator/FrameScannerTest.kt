package dev.live.benchmarks.load.generator

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.checkAll
import java.nio.channels.SocketChannel
import java.util.zip.Deflater

class FrameScannerTest :
    FunSpec({
        val frames = ArrayList<String>()
        val scanner =
            FrameScanner { _, opcode, bytes, from, to -> frames += "$opcode:${String(bytes, from, to - from)}" }
        val connection = Connection(0, SocketChannel.open(), opcode = 1, emptyList<ByteArray>().iterator())

        beforeTest { frames.clear() }

        test("finds frames of every length in one block of bytes") {
            val payloads = listOf("", "a", "b".repeat(125), "c".repeat(126), "d".repeat(70_000))
            val bytes = payloads.map { frame(it) }.reduce(ByteArray::plus)

            scanner.scan(connection, bytes, 0, bytes.size) shouldBe bytes.size

            frames shouldContainExactly payloads.map { "1:$it" }
        }

        test("finds the same frames in pieces as in one block") {
            checkAll(Arb.list(Arb.int(0..300), 1..8), Arb.int(1..90)) { sizes, piece ->
                frames.clear()
                val all = sizes.map { frame("x".repeat(it)) }.reduce(ByteArray::plus)
                var kept = ByteArray(0)

                for (chunk in all.toList().chunked(piece)) {
                    val bytes = kept + chunk.toByteArray()
                    kept = bytes.copyOfRange(scanner.scan(connection, bytes, 0, bytes.size), bytes.size)
                }

                kept.size shouldBe 0
                frames shouldContainExactly sizes.map { "1:" + "x".repeat(it) }
            }
        }

        test("reports the opcode") {
            val bytes = byteArrayOf(0x88.toByte(), 2, 3, 0xe8.toByte())

            scanner.scan(connection, bytes, 0, bytes.size)

            frames.single().substringBefore(':') shouldBe "8"
            FrameScanner.uint16(bytes, 2) shouldBe 1000
        }

        test("inflates compressed frames, of different messages in turn") {
            val inflating =
                FrameScanner(SharedInflater()) { _, opcode, bytes, from, to ->
                    frames += "$opcode:${String(bytes, from, to - from)}"
                }
            val texts = listOf("a".repeat(100), "b".repeat(200))
            val bytes = texts.map(::compressedFrame)

            repeat(3) { for (frame in bytes) inflating.scan(connection, frame, 0, frame.size) shouldBe frame.size }
            inflating.scan(connection, frame("plain"), 0, 7) shouldBe 7

            frames shouldContainExactly List(3) { texts.map { "1:$it" } }.flatten() + "1:plain"
        }

        test("rejects frames that a server must not send") {
            shouldThrow<BadFrameException> { scanner.scan(connection, byteArrayOf(0x01, 1, 65), 0, 3) }
                .message shouldBe "a fragmented message"
            shouldThrow<BadFrameException> { scanner.scan(connection, byteArrayOf(0xc1.toByte(), 1, 65), 0, 3) }
                .message shouldBe "a frame with reserved bits: 193"
            shouldThrow<BadFrameException> {
                scanner.scan(connection, byteArrayOf(0x81.toByte(), 0x81.toByte(), 65), 0, 3)
            }
                .message shouldBe "a masked frame"
        }
    })

/** A frame of permessage-deflate (RFC 7692) with a payload of at most 125 bytes. */
private fun compressedFrame(text: String): ByteArray {
    val deflater = Deflater(Deflater.DEFAULT_COMPRESSION, true)
    deflater.setInput(text.toByteArray())
    val output = ByteArray(200)
    val size = deflater.deflate(output, 0, output.size, Deflater.SYNC_FLUSH) - EMPTY_BLOCK
    deflater.end()
    return byteArrayOf(0xc1.toByte(), size.toByte()) + output.copyOf(size)
}

/** Bytes of the empty block at the end of a flush, which a message omits. */
private const val EMPTY_BLOCK = 4

private fun frame(payload: String): ByteArray {
    val bytes = payload.toByteArray()
    val size = bytes.size
    val header =
        when {
            size < 126 -> byteArrayOf(size.toByte())
            size < 65_536 -> byteArrayOf(126, (size shr 8).toByte(), size.toByte())
            else -> byteArrayOf(127, 0, 0, 0, 0, 0, (size shr 16).toByte(), (size shr 8).toByte(), size.toByte())
        }
    return byteArrayOf(0x81.toByte()) + header + bytes
}
