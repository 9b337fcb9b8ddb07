package dev.live.server.frame

import dev.live.server.support.CapturedLogs
import dev.live.server.support.inflated
import dev.live.server.support.payload
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.ints.shouldBeLessThan
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.types.shouldBeSameInstanceAs
import io.kotest.property.Arb
import io.kotest.property.arbitrary.int
import io.kotest.property.checkAll
import java.util.zip.Deflater
import kotlin.random.Random
import kotlin.time.Duration.Companion.minutes
import kotlin.time.TestTimeSource

class CompressionTest : FunSpec({

    test("a compressed frame has the bytes of the example in RFC 7692, section 7.2.3.1, and the first reserved bit") {
        val compression = Compression(minBytes = 1, level = 6)

        val frame = compression.compress(OutboundFrame(Opcode.Text, "HelloHelloHello".toByteArray()))

        // the literals of "Hello" as in the RFC, and then a distance, of which zlib versions may choose different ones
        frame.wire.first() shouldBe 0xC1.toByte()
        frame.payload().take(5).map { it.toHexString() } shouldBe listOf("f2", "48", "cd", "c9", "c9")
        frame.run { listOf(opcode, wire[1].toInt(), count, wire.size) } shouldBe
            listOf(Opcode.Text, frame.size, 1, 2 + frame.size)
        inflated(frame.payload()).decodeToString() shouldBe "HelloHelloHello"
        compression.close()
    }

    test("the header of a larger compressed frame has the length of its compressed payload in two bytes") {
        Compression(minBytes = 1, level = 1).use { compression ->
            val text = (1..500).joinToString()

            val frame = compression.compress(OutboundFrame(Opcode.Binary, text.toByteArray()))

            val header = frame.wire.take(4).map { it.toUByte().toInt() }
            header shouldBe listOf(0xC2, 126, frame.size shr 8, frame.size and 0xFF)
            inflated(frame.payload()).decodeToString() shouldBe text
        }
    }

    test("a message of any size is restored by an inflater that has read no other message") {
        Compression(minBytes = 1, level = 1).use { compression ->
            checkAll(200, Arb.int(0..70_000), Arb.int(1..3)) { size, words ->
                val random = Random(size)
                val text = generateSequence { "word${random.nextInt(words * 100)} " }.take(size / 6).joinToString("")

                val frame = compression.compress(OutboundFrame(Opcode.Binary, text.toByteArray()))

                val isCompressed = frame.wire.isNotEmpty() && frame.wire[0].toInt() and 0x40 != 0
                val restored = if (isCompressed) inflated(frame.payload()) else frame.payload()
                restored.decodeToString() shouldBe text
            }
        }
    }

    test("the same message is compressed to the same bytes each time") {
        Compression(minBytes = 1, level = 6).use { compression ->
            val frame = OutboundFrame(Opcode.Text, "a message of some words, a message".repeat(3).toByteArray())

            val first = compression.compress(frame).wire.toList()
            repeat(3) { compression.compress(frame).wire.toList() shouldBe first }
        }
    }

    test("a frame below the minimum size, or that would not become smaller, is returned unchanged") {
        Compression(minBytes = 100, level = 9).use { compression ->
            val small = OutboundFrame(Opcode.Text, ByteArray(99))
            val random = OutboundFrame(Opcode.Binary, Random(1).nextBytes(5_000))
            val large = OutboundFrame(Opcode.Text, ByteArray(100))

            compression.compress(small) shouldBeSameInstanceAs small
            compression.compress(random) shouldBeSameInstanceAs random
            compression.compress(large).size shouldBeLessThan 100
        }
    }

    test("control frames are never compressed") {
        Compression(minBytes = 1, level = 9).use { compression ->
            for (opcode in listOf(Opcode.Ping, Opcode.Pong, Opcode.Close)) {
                val frame = OutboundFrame(opcode, ByteArray(125))

                compression.compress(frame) shouldBeSameInstanceAs frame
            }
        }
    }

    test("every deflater is ended, also those in use while the compression is closed") {
        val live = HashSet<Deflater>()
        val pool = NativePool(
            2,
            { Deflater(1, true).also { live += it } },
            {
                it.end()
                check(live.remove(it)) { "ended twice" }
            },
        )
        val compression = Compression(minBytes = 1, level = 1, deflaters = pool)
        val frame = OutboundFrame(Opcode.Text, ByteArray(1_000))

        compression.compress(frame)
        live.size shouldBe 1
        compression.compress(frame)
        live.size shouldBe 1
        pool.use { pool.use { compression.close() } }
        live.size shouldBe 0
        compression.compress(frame).size shouldBeLessThan 1_000
        live.size shouldBe 0
    }

    test("without a working deflater, messages are sent as they are, and one log line a minute reports it") {
        val failures = listOf({ throw OutOfMemoryError("native memory") }, { Deflater(1, true).also { it.end() } })
        val time = TestTimeSource()
        for (create in failures) {
            val pool = NativePool<Deflater>(1, create, Deflater::end)
            val frame = OutboundFrame(Opcode.Text, ByteArray(1_000))
            CapturedLogs("dev.live.server.frame").use { logs ->
                Compression(minBytes = 1, level = 1, deflaters = pool, time = time).use { compression ->
                    repeat(3) { compression.compress(frame) shouldBeSameInstanceAs frame }
                    logs.lines.size shouldBe 1
                    logs.lines.single() shouldContain "sent without compression"

                    time += 1.minutes
                    repeat(3) { compression.compress(frame) shouldBeSameInstanceAs frame }
                    logs.lines.size shouldBe 2
                }
            }
        }
    }
})
