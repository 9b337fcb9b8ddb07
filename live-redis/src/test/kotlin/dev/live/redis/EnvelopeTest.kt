package dev.live.redis

import dev.live.protocol.Body
import dev.live.protocol.Position
import dev.live.server.broker.Publication
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.nulls.shouldNotBeNull
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.arbitrary
import io.kotest.property.arbitrary.byte
import io.kotest.property.arbitrary.byteArray
import io.kotest.property.arbitrary.int
import io.kotest.property.checkAll
import java.nio.ByteBuffer

class EnvelopeTest : FunSpec({

    test("a decoded publication has all properties of the encoded one") {
        checkAll(publications()) { publication ->
            val decoded = decode(Envelope.encode(publication)).shouldNotBeNull()

            decoded.topic shouldBe publication.topic
            decoded.body shouldBe publication.body
            decoded.type shouldBe publication.type
            decoded.except shouldBe publication.except
            decoded.key shouldBe publication.key
            decoded.trace shouldBe publication.trace
        }
    }

    test("a truncated envelope is not a publication with other fields") {
        val bytes = Envelope.encode(Publication("t", body = null, type = "type", key = "key", trace = "trace"))

        for (size in bytes.indices) decode(bytes.copyOf(size)).shouldBeNull()
    }

    test("an envelope of another version and random bytes are no publications") {
        val bytes = Envelope.encode(Publication("t", Body.json("1")))
        decode(bytes.copyOf().also { it[1] = 2 }).shouldBeNull()
        decode(bytes.copyOf().also { it[0] = 'X'.code.toByte() }).shouldBeNull()
        decode(bytes.copyOf().also { it[2] = 48 }).shouldBeNull()

        checkAll(Arb.byteArray(Arb.int(0..40), Arb.byte())) { random ->
            random.firstOrNull()?.let { if (it == 'L'.code.toByte()) random[0] = 0 }
            decode(random).shouldBeNull()
            ChannelMessage.decode("t", random).shouldBeNull()
        }
    }

    test("a channel message has the position of its header") {
        val envelope = Envelope.encode(Publication("t", Body.json("1")))

        val stored = ChannelMessage.decode("t", "epoch:12\n".encodeToByteArray() + envelope).shouldNotBeNull()
        val plain = ChannelMessage.decode("t", ChannelMessage.withoutPosition(envelope)).shouldNotBeNull()

        stored.position shouldBe Position("epoch", 12)
        plain.position.shouldBeNull()
        plain.publication.body shouldBe Body.json("1")
    }

    test("a channel message with an invalid header, such as too long an epoch, is no publication") {
        val envelope = Envelope.encode(Publication("t", Body.json("1")))

        for (header in listOf(
            "epoch",
            ":1",
            "epoch:0",
            "epoch:-1",
            "epoch:x",
            "e".repeat(65) + ":1",
            "é".repeat(33) + ":1", // 66 bytes in 33 characters
            "e".repeat(200),
        )) {
            ChannelMessage.decode("t", "$header\n".encodeToByteArray() + envelope).shouldBeNull()
        }
    }
})

private fun decode(bytes: ByteArray) = Envelope.decode("t", ByteBuffer.wrap(bytes))

private fun publications(): Arb<Publication> =
    arbitrary { source ->
        val random = source.random
        val text = { if (random.nextBoolean()) "é€ ${random.nextInt()}" else null }
        val body =
            when (random.nextInt(3)) {
                0 -> null
                1 -> Body.bytes(random.nextBytes(random.nextInt(100)))
                else -> Body.json("""{"a":${random.nextInt()},"b":"é\u0000"}""")
            }
        Publication(
            "t",
            body,
            if (random.nextBoolean()) "message" else "type${random.nextInt()}",
            text(),
            text(),
            text()?.let { "00-trace" }.orEmpty(),
        )
    }
