package dev.live.protocol

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.shouldBe
import io.kotest.property.checkAll

class TracedCodecTest : FunSpec({

    for (codec in codecs) {
        val traced = TracedCodec(codec)

        test("a message and its trace are read as they were written by ${traced.subprotocol}") {
            checkAll(iterations = 1_000, arbMessage, arbTrace) { message, trace ->
                traced.decode(traced.encode(message.with(trace))) shouldBe message.with(trace)
            }
        }

        test("a message without a trace is written as ever by ${traced.subprotocol}") {
            checkAll(iterations = 200, arbMessage) { message ->
                traced.encode(message).toHexString() shouldBe codec.encode(message).toHexString()
            }
        }

        test("a trace is neither written nor read by ${codec.subprotocol}") {
            checkAll(iterations = 200, arbMessage, arbTrace) { message, trace ->
                codec.encode(message.with(trace)).toHexString() shouldBe codec.encode(message).toHexString()
                codec.decode(traced.encode(message.with(trace))) shouldBe message
            }
        }

        test("traces are written and read as their vectors say by ${traced.subprotocol}") {
            Vectors.traced.forAll {
                val bytes = it.encodedBy(codec)

                traced.encode(it.message.toMessage()).toHexString() shouldBe bytes.toHexString()
                traced.decode(bytes) shouldBe it.message.toMessage()
                codec.decode(bytes) shouldBe it.message.toMessage().with(trace = "")
            }
        }
    }

    test("a trace that is no text is refused") {
        shouldThrow<MalformedMessageException> { JsonCodec.decode("""{"type":"x","trace":1}""".encodeToByteArray()) }
            .reason shouldBe "trace must be a string, was a number"
    }

    test("the subprotocol says that traces travel") {
        tracedCodecs.map { it.subprotocol to it.isBinary } shouldBe
            listOf("live.v1.json.trace" to false, "live.v1.cbor.trace" to true, "live.v1.msgpack.trace" to true)
    }

    test("a codec of somebody else's carries no trace, and who tries is told which do") {
        val plain: Codec = JsonCodec
        val foreign = object : Codec by plain {
            override val subprotocol = "live.v1.own"
        }

        shouldThrow<IllegalArgumentException> { TracedCodec(foreign) }.message shouldBe
            "a trace travels with codecs that are a TraceableCodec, as live's own are; 'live.v1.own' is none"
    }
})
