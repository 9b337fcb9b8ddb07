package dev.live.protocol

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.shouldBe
import io.kotest.property.checkAll

class TracedCodecTest : FunSpec({

    for (codec in codecs) {
        val traced = TracedCodec(codec)

        test("${traced.subprotocol} encodes and decodes a message with its trace") {
            checkAll(iterations = 1_000, arbMessage, arbTrace) { message, trace ->
                traced.decode(traced.encode(message.with(trace))) shouldBe message.with(trace)
            }
        }

        test("${traced.subprotocol} encodes a message without a trace like ${codec.subprotocol}") {
            checkAll(iterations = 200, arbMessage) { message ->
                traced.encode(message).toHexString() shouldBe codec.encode(message).toHexString()
            }
        }

        test("${codec.subprotocol} does not encode or decode a trace") {
            checkAll(iterations = 200, arbMessage, arbTrace) { message, trace ->
                codec.encode(message.with(trace)).toHexString() shouldBe codec.encode(message).toHexString()
                codec.decode(traced.encode(message.with(trace))) shouldBe message
            }
        }

        test("${traced.subprotocol} matches the test vectors with traces") {
            Vectors.traced.forAll {
                val bytes = it.encodedBy(codec)

                traced.encode(it.message.toMessage()).toHexString() shouldBe bytes.toHexString()
                traced.decode(bytes) shouldBe it.message.toMessage()
                codec.decode(bytes) shouldBe it.message.toMessage().with(trace = "")
            }
        }
    }

    test("a trace that is not a string is rejected") {
        shouldThrow<MalformedMessageException> { JsonCodec.decode("""{"type":"x","trace":1}""".encodeToByteArray()) }
            .reason shouldBe "trace must be a string, was a number"
    }

    test("the subprotocol has the suffix .trace") {
        tracedCodecs.map { it.subprotocol to it.isBinary } shouldBe
            listOf("live.v1.json.trace" to false, "live.v1.cbor.trace" to true, "live.v1.msgpack.trace" to true)
    }

    test("a codec that is not a TraceableCodec is rejected") {
        val plain: Codec = JsonCodec
        val foreign = object : Codec by plain {
            override val subprotocol = "live.v1.own"
        }

        shouldThrow<IllegalArgumentException> { TracedCodec(foreign) }.message shouldBe
            "TracedCodec needs a TraceableCodec, such as live's own codecs; 'live.v1.own' is not one"
    }
})
