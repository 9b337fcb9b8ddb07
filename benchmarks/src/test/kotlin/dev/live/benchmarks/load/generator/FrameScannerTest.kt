package dev.live.benchmarks.load.generator

import dev.live.server.frame.Compression
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.checkAll
import java.nio.channels.SocketChannel

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
            val compression = Compression(minBytes = 1, level = 6)
            val texts = listOf("a".repeat(100), "b".repeat(200))
            val bytes = texts.map { compression.compress(OutboundFrame(Opcode.Text, it.toByteArray())).wire }

            repeat(3) { for (frame in bytes) inflating.scan(connection, frame, 0, frame.size) shouldBe frame.size }
            inflating.scan(connection, frame("plain"), 0, 7) shouldBe 7

            frames shouldContainExactly List(3) { texts.map { "1:$it" } }.flatten() + "1:plain"
            compression.close()
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
