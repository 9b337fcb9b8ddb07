package dev.live.protocol

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.comparables.shouldBeLessThan
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldNotContain
import io.kotest.property.checkAll
import kotlin.random.Random
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime

/** What every codec has to do, whatever its format; `vectors/` says the rest. */
abstract class CodecContract(codec: Codec) : FunSpec({

    test("any message is read as it was written") {
        checkAll(iterations = 2_000, arbMessage) { message ->
            codec.decode(codec.encode(message)) shouldBe message
        }
    }

    test("a message has only one form on the wire") {
        Vectors.accepted.filter { it.codec == codec }.forEach {
            codec.encode(codec.decode(it.bytes)) shouldBe codec.encode(it.expected)
        }
    }

    test("random bytes give a message or are refused") {
        checkAll(iterations = 20_000, arbBytes) { bytes -> codec.decodeOrRefuse(bytes) }
    }

    test("damaged messages give a message or are refused") {
        val whole =
            Vectors.messages.map { it.encodings.getValue(codec) } +
                Vectors.accepted.filter { it.codec == codec }.map { it.bytes }
        val random = Random(SEED)
        repeat(30_000) { codec.decodeOrRefuse(random.damage(whole.random(random))) }
    }

    test("a message that is cut short is refused") {
        Vectors.messages.forEach { vector ->
            val bytes = vector.encodings.getValue(codec)
            for (size in bytes.indices) shouldThrow<MalformedMessageException> { codec.decode(bytes.copyOf(size)) }
        }
    }

    test("a reason does not repeat what was sent") {
        val secret = "s3cr3t"
        listOf(
            "\"$secret",
            "{\"$secret\":}",
            "[\"$secret\",\"$secret\\x\"]",
            "{\"$secret\":1,\"$secret\":2}",
            secret,
        ).forEach { data ->
            val refusal = shouldThrow<MalformedMessageException> { codec.decode(codec.withData(data)) }

            refusal.stackTraceToString() shouldNotContain secret
        }
    }

    test("a million opening brackets are refused at once") {
        val bytes = codec.withData("[".repeat(1_000_000))

        measureTime { shouldThrow<MalformedMessageException> { codec.decode(bytes) } } shouldBeLessThan 2.seconds
    }

    test("limits of the caller's replace the protocol's") {
        val limits = DecodeLimits(maxDepth = 2)

        codec.decode(codec.withData("[[1]]"), limits) shouldBe Message("x", body = Body.json("[[1]]"))
        shouldThrow<MalformedMessageException> { codec.decode(codec.withData("[[[1]]]"), limits) }
            .reason shouldBe "data is nested deeper than 2"
        codec.decode(
            codec.withData("[".repeat(512) + "]".repeat(512)),
            DecodeLimits(maxDepth = 512),
        ).body!!.size shouldBe
            1024
    }

    test("names whose hashes collide take no more time than others") {
        val colliding = (0 until 32_768).map { i ->
            (0 until 15).joinToString("") {
                if ((i shr it) % 2 ==
                    0
                ) {
                    "Aa"
                } else {
                    "BB"
                }
            }
        }
        check(colliding.mapTo(HashSet()) { it.hashCode() }.size == 1)
        val bytes = codec.withData(colliding.joinToString(",", "{", "}") { "\"$it\":0" })

        measureTime { codec.decode(bytes) } shouldBeLessThan 2.seconds
    }

    test("the bytes that were decoded may be changed afterwards") {
        val message = Message("x", body = Body.bytes(byteArrayOf(1, 2, 3)))
        val bytes = codec.encode(message)

        val decoded = codec.decode(bytes)
        bytes.fill(0)

        decoded shouldBe message
    }
})

private const val SEED = 20_261_121

/** A message whose data is [text], which does not have to be JSON. */
private fun Codec.withData(text: String): ByteArray =
    if (this ==
        JsonCodec
    ) {
        """{"type":"x","data":$text}""".encodeToByteArray()
    } else {
        encode(Message("x", body = Body.Json.trusted(text)))
    }

private fun Codec.decodeOrRefuse(bytes: ByteArray) {
    try {
        val message = decode(bytes)
        decode(encode(message)) shouldBe message
    } catch (_: MalformedMessageException) {
        // that is the other way it may end
    }
}

private fun Random.damage(bytes: ByteArray): ByteArray {
    val result = bytes.toMutableList()
    repeat(1 + nextInt(3)) {
        val at = nextInt(result.size + 1)
        when (nextInt(4)) {
            0 -> result.add(at, nextInt().toByte())
            1 -> if (at < result.size) result.removeAt(at)
            2 -> if (at < result.size) result[at] = nextInt().toByte()
            else ->
                if (at <
                    result.size
                ) {
                    result.addAll(at, result.subList(at, minOf(result.size, at + nextInt(8))).toList())
                }
        }
    }
    return result.toByteArray()
}
