package dev.live.protocol

import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse

/** Requirements on every codec, on every platform. The files in `vectors/` define the wire formats. */
class CodecTest {
    @Test
    fun `encoding a decoded message gives its canonical form`() =
        forEachCodec { codec ->
            Vectors.accepted.filter { it.subprotocol == codec.subprotocol }.forEach {
                val written = codec.encode(codec.decode(it.bytes))

                assertEquals(codec.encode(it.expected).toHexString(), written.toHexString(), it.toString())
            }
        }

    @Test
    fun `a corrupted message is decoded or rejected`() =
        forEachCodec { codec ->
            val intact =
                Vectors.messages.map { it.encodedBy(codec) } +
                    Vectors.accepted.filter { it.subprotocol == codec.subprotocol }.map { it.bytes }
            val random = Random(SEED)
            repeat(10_000) { codec.decodeOrReject(random.corrupt(intact.random(random))) }
        }

    @Test
    fun `a truncated message is rejected`() =
        forEachCodec { codec ->
            Vectors.messages.forEach { vector ->
                val bytes = vector.encodedBy(codec)
                for (size in bytes.indices) {
                    assertFailsWith<MalformedMessageException> {
                        codec.decode(bytes.copyOf(size))
                    }
                }
            }
        }

    @Test
    fun `the reason of an error does not quote the payload`() =
        forEachCodec { codec ->
            val secret = "s3cr3t"
            listOf(
                "\"$secret",
                "{\"$secret\":}",
                "[\"$secret\",\"$secret\\x\"]",
                "{\"$secret\":1,\"$secret\":2}",
                secret,
            ).forEach { data ->
                val error = assertFailsWith<MalformedMessageException> { codec.decode(codec.withData(data)) }

                assertFalse(secret in error.stackTraceToString(), data)
            }
        }

    @Test
    fun `the caller can replace the default limits`() =
        forEachCodec { codec ->
            val two = DecodeLimits(maxDepth = 2)

            val deep = codec.decode(codec.withData("[".repeat(512) + "]".repeat(512)), DecodeLimits(maxDepth = 512))
            val error = assertFailsWith<MalformedMessageException> { codec.decode(codec.withData("[[[1]]]"), two) }

            assertEquals(1024, deep.body?.size)
            assertEquals("data is nested deeper than 2", error.reason)
            assertEquals(Message("x", body = Body.json("[[1]]")), codec.decode(codec.withData("[[1]]"), two))
        }

    @Test
    fun `an offset keeps all 63 bits`() =
        forEachCodec { codec ->
            for (offset in listOf(0, 1L shl 31, (1L shl 53) + 1, Long.MAX_VALUE)) {
                val message = Message("message", "t", offset = offset)

                assertEquals(message, codec.decode(codec.encode(message)))
            }
        }

    @Test
    fun `changing the input after decoding does not change the message`() =
        forEachCodec { codec ->
            val message = Message("x", body = Body.bytes(byteArrayOf(1, 2, 3)))
            val bytes = codec.encode(message)

            val decoded = codec.decode(bytes)
            bytes.fill(0)

            assertEquals(message, decoded)
        }

    @Test
    fun `invalid bytes after a valid prefix fail with MalformedMessageException`() =
        forEachCodec { codec ->
            val random = Random(SEED)
            val heads = Vectors.messages.map { it.encodedBy(codec) }
            repeat(5_000) {
                val head = heads.random(random)
                codec.decodeOrReject(head.copyOf(random.nextInt(head.size)) + random.nextBytes(random.nextInt(24)))
            }
        }

    private fun forEachCodec(check: (Codec) -> Unit): Unit = codecs.forEach(check)
}

private const val SEED = 20_261_121

/** An encoded message with [text] as data. [text] need not be valid JSON. */
internal fun Codec.withData(text: String): ByteArray =
    when (this) {
        JsonCodec -> """{"type":"x","data":$text}""".encodeToByteArray()
        else -> encode(Message("x", body = Body.Json.trusted(text)))
    }

internal fun Codec.decodeOrReject(bytes: ByteArray) {
    val message =
        try {
            decode(bytes)
        } catch (_: MalformedMessageException) {
            return // the other allowed outcome
        }
    assertEquals(message, decode(encode(message)))
}

private fun Random.corrupt(bytes: ByteArray): ByteArray {
    val result = bytes.toMutableList()
    repeat(1 + nextInt(3)) {
        val at = nextInt(result.size + 1)
        when (nextInt(4)) {
            0 -> result.add(at, nextInt().toByte())
            1 -> if (at < result.size) result.removeAt(at)
            2 -> if (at < result.size) result[at] = nextInt().toByte()
            else -> result.addAll(at, result.subList(at, minOf(result.size, at + nextInt(8))).toList())
        }
    }
    return result.toByteArray()
}
