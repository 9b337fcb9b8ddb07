package dev.live.test.contract

import dev.live.protocol.Body
import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.assertions.withClue
import io.kotest.core.factory.TestFactory
import io.kotest.core.spec.style.funSpec
import io.kotest.matchers.collections.shouldContainOnly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldMatch
import io.kotest.matchers.string.shouldNotContain
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlin.random.Random

/**
 * The tests that every [Codec] must pass, to include in a kotest spec:
 *
 * ```
 * class PlainCodecTest : FunSpec({
 *     include(codecContract(PlainCodec))
 * })
 * ```
 *
 * They test that every message survives encoding and decoding with its kind of payload, and that any other input is
 * rejected with a [MalformedMessageException], in linear time and without a quote of the payload. They do not define
 * the wire format: the vectors of the protocol do this for live's own codecs.
 *
 * @param seed seed of the random messages and inputs. A failed test reports it
 */
public fun codecContract(codec: Codec, seed: Int = Random.nextInt()): TestFactory =
    funSpec {
        test("the subprotocol is a valid name, and a codec for text frames encodes UTF-8") {
            codec.subprotocol shouldMatch Regex("[!#$%&'*+.^_`|~0-9A-Za-z-]+") // a token of RFC 9110, section 5.6.2

            if (!codec.isBinary) {
                repeatRandomly(seed, 200) { codec.encode(it.message()).decodeToString(throwOnInvalidSequence = true) }
            }
        }

        test("any message survives encoding and decoding") {
            repeatRandomly(seed, 2_000) {
                val message = it.message()

                codec.decode(codec.encode(message)) shouldBe message
            }
        }

        test("equal messages have equal bytes, on any thread") {
            val message = Random(seed).message()
            val expected = codec.encode(message).toHexString()

            val encoded = coroutineScope {
                List(4) { async(Dispatchers.Default) { List(500) { codec.encode(message).toHexString() } } }.awaitAll()
            }

            encoded.flatten() shouldContainOnly listOf(expected)
        }

        test("an offset keeps all 63 bits") {
            for (offset in listOf(0, 1L shl 31, (1L shl 53) + 1, Long.MAX_VALUE)) {
                val message = Message("message", "t", offset = offset)

                codec.decode(codec.encode(message)) shouldBe message
            }
        }

        test("changing the encoded bytes later changes no message") {
            val message = Message("x", "t", body = Body.bytes(byteArrayOf(1, 2, 3)))
            val bytes = codec.encode(message)
            val intact = bytes.copyOf()

            val decoded = codec.decode(bytes)
            bytes.fill(0)

            decoded shouldBe message
            codec.encode(message).toHexString() shouldBe intact.toHexString()
        }

        test("random bytes are decoded or rejected") {
            repeatRandomly(seed, 20_000) { codec.decodeOrReject(it.nextBytes(it.nextInt(64))) }
        }

        test("a corrupted message is decoded or rejected") {
            repeatRandomly(seed, 10_000) { codec.decodeOrReject(it.corrupt(codec.encode(it.message()))) }
        }

        test("a truncated message is rejected") {
            repeatRandomly(seed, 50) {
                val bytes = codec.encode(it.message())

                for (size in bytes.indices) codec.shouldReject(bytes.copyOf(size))
            }
        }

        test("two messages in one input are rejected") {
            repeatRandomly(seed, 200) { codec.shouldReject(codec.encode(it.message()) + codec.encode(it.message())) }
        }

        test("data is decoded up to the maximum depth and rejected above it") {
            for (maxDepth in listOf(1, DecodeLimits.Default.maxDepth, DecodeLimits.MAX_DEPTH)) {
                val limits = DecodeLimits(maxDepth)
                val deepest = Message("x", body = Body.json(nested(maxDepth), limits))

                codec.decode(codec.encode(deepest), limits) shouldBe deepest
                if (maxDepth == DecodeLimits.MAX_DEPTH) continue
                val deeper = Message("x", body = Body.json(nested(maxDepth + 1), DecodeLimits(maxDepth + 1)))
                shouldThrow<MalformedMessageException> { codec.decode(codec.encode(deeper), limits) }
            }
        }

        test("the reason of a rejection does not quote the payload") {
            for (data in listOf("\"$SECRET", "{\"$SECRET\":}", "{\"$SECRET\":1,\"$SECRET\":2}", SECRET)) {
                val bytes = codec.withData(data) ?: continue

                codec.shouldReject(bytes).stackTraceToString() shouldNotContain SECRET
            }
        }

        test("a million opening brackets are rejected in linear time") {
            val bytes = codec.withData("[".repeat(1_000_000))

            if (bytes != null) assertLinearTime { codec.shouldReject(bytes) }
        }

        test("names with colliding hashes are decoded in linear time") {
            val text = collidingNames(131_072).joinToString(",", "{", "}") { "\"$it\":0" }
            val bytes = codec.encode(Message("x", body = Body.json(text)))

            assertLinearTime { codec.decode(bytes) }
        }
    }

private const val SECRET = "s3cr3t"

private fun nested(depth: Int) = "[".repeat(depth) + "]".repeat(depth)

private inline fun repeatRandomly(seed: Int, times: Int, check: (Random) -> Unit) {
    val random = Random(seed)
    withClue("seed $seed") { repeat(times) { check(random) } }
}

/** Decodes [bytes] or rejects them. A decoded message must survive encoding and decoding. */
private fun Codec.decodeOrReject(bytes: ByteArray) {
    val message =
        try {
            decode(bytes)
        } catch (_: MalformedMessageException) {
            return // the other allowed outcome
        }
    decode(encode(message)) shouldBe message
}

private fun Codec.shouldReject(bytes: ByteArray): MalformedMessageException =
    shouldThrow<MalformedMessageException> { decode(bytes) }

/**
 * An encoded message with [text] as data, which need not be JSON. Null if the encoding does not contain the text of
 * data literally: such a codec cannot receive invalid JSON in this way.
 */
private fun Codec.withData(text: String): ByteArray? {
    val replacement = text.encodeToByteArray()
    // a number, because an encoding that keeps the text has no other form of it
    val bytes = encode(Message("x", body = Body.json("1".repeat(replacement.size))))
    val end = bytes.lastIndexOf('1'.code.toByte()) + 1
    val start = end - replacement.size
    val isLiteral = start >= 0 && (start until end).all { bytes[it] == '1'.code.toByte() }
    return if (isLiteral) bytes.also { replacement.copyInto(it, start) } else null
}
