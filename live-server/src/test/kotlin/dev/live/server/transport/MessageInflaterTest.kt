package dev.live.server.transport

import dev.live.protocol.CloseCode
import dev.live.server.frame.NativePool
import dev.live.server.support.deflated
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.byte
import io.kotest.property.arbitrary.byteArray
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.long
import io.kotest.property.checkAll
import java.util.zip.Deflater
import java.util.zip.Inflater
import kotlin.random.Random

class MessageInflaterTest : FunSpec({

    test("messages of every size up to the limit are inflated, at each level of compression") {
        checkAll(300, Arb.int(0..MAX_SIZE), Arb.int(0..9), Arb.int(1..256)) { size, level, values ->
            val random = Random(size)
            val message = ByteArray(size) { random.nextInt(values).toByte() }

            inflate(deflated(message, level)).toList() shouldBe message.toList()
        }
    }

    test("a message of zeros of exactly the limit is inflated, and one byte more closes with 1009") {
        inflate(deflated(ByteArray(MAX_SIZE))).size shouldBe MAX_SIZE

        for (size in listOf(MAX_SIZE + 1, MAX_SIZE * 10)) {
            val violation = shouldThrow<SocketViolation> { inflate(deflated(ByteArray(size))) }

            violation.code shouldBe CloseCode.TooLarge
            violation.message shouldBe "a message must be at most $MAX_SIZE bytes after decompression"
        }
    }

    test("a message that is cut off at any byte closes with 1007") {
        val random = Random(5)
        val texts =
            listOf("Hello", "words and words and words ".repeat(30), List(240) { random.nextInt(99) }.toString())
        for (text in texts) {
            for (level in listOf(1, 9)) { // without compression, the omitted end may complete a block as data
                val complete = deflated(text.toByteArray(), level)
                for (size in 1 until complete.size - 1) { // the last byte may only begin the omitted end
                    withClue("$size of ${complete.size} bytes at level $level") {
                        inflateOrCode(complete.copyOf(size)) shouldBe CloseCode.InvalidText
                    }
                }
            }
        }
    }

    test("random bytes are inflated within the limit or rejected, and never cause another failure") {
        checkAll(3_000, Arb.byteArray(Arb.int(0..200), Arb.byte())) { bytes -> inflateOrCode(bytes) }
    }

    test("a compressed message with changed bytes is inflated within the limit or rejected") {
        val complete = deflated("words and more words and 1234567890".repeat(9).toByteArray())
        checkAll(3_000, Arb.long()) { seed ->
            val random = Random(seed)
            val bytes = complete.copyOf()
            repeat(random.nextInt(1, 4)) { bytes[random.nextInt(bytes.size)] = random.nextInt().toByte() }

            inflateOrCode(bytes)
        }
    }

    test("the examples of RFC 7692, section 7.2.3, are inflated") {
        val examples =
            listOf(
                "f248cdc9c90700", // one block
                "000500faff48656c6c6f00", // no compression
                "f348cdc9c9070000", // a last block
                "f248050000 00ffffcac9c90700", // two blocks
            )
        for (hex in examples) inflate(hex.replace(" ", "").hexToByteArray()).decodeToString() shouldBe "Hello"
    }

    test("an empty message is accepted in its compressed form and without any byte") {
        inflate(byteArrayOf(0)).size shouldBe 0
        inflate(ByteArray(0)).size shouldBe 0
    }

    test("a message with many last blocks is rejected, because each one restarts the inflater") {
        val last = byteArrayOf(3, 0)

        inflateOrCode(last + last + byteArrayOf(0)) shouldBe CloseCode.InvalidText
        inflate(last + byteArrayOf(0)).size shouldBe 0
    }

    test("a message cannot refer to the previous one") {
        val text = "a sentence that is repeated".toByteArray()
        val deflater = Deflater(9, true)
        val compressed = List(2) {
            deflater.setInput(text)
            ByteArray(200).let { it.copyOf(deflater.deflate(it, 0, 200, Deflater.SYNC_FLUSH) - 4) }
        }
        deflater.end()

        val inflater = MessageInflater(pool, MAX_SIZE)
        inflater.inflate(compressed[0]).toList() shouldBe text.toList()
        shouldThrow<SocketViolation> { inflater.inflate(compressed[1]) }.code shouldBe CloseCode.InvalidText
        inflater.inflate(compressed[0]).toList() shouldBe text.toList()
    }

    test("an inflater is ended after a failure, and the others when the pool is closed") {
        var alive = 0
        val pool = NativePool(2, { Inflater(true).also { alive++ } }, { it.end().also { alive-- } })
        val inflater = MessageInflater(pool, MAX_SIZE)

        inflater.inflate(deflated(ByteArray(10)))
        alive shouldBe 1
        shouldThrow<SocketViolation> { inflater.inflate(deflated(ByteArray(MAX_SIZE + 1))) }
        shouldThrow<SocketViolation> { inflater.inflate(byteArrayOf(-1)) }
        alive shouldBe 0
        inflater.inflate(deflated(ByteArray(10)))
        pool.close()
        alive shouldBe 0
    }
})

private const val MAX_SIZE = 1_000

private val pool = NativePool(2, { Inflater(true) }, Inflater::end)

private fun inflate(message: ByteArray): ByteArray = MessageInflater(pool, MAX_SIZE).inflate(message)

/** The size of the inflated message, or the code of its violation. */
private fun inflateOrCode(message: ByteArray): Any =
    try {
        inflate(message).size.also { it shouldBeLessThanOrEqual MAX_SIZE }
    } catch (e: SocketViolation) {
        e.code
    }
