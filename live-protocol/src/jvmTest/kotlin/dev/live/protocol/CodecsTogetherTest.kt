package dev.live.protocol

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.property.checkAll

class CodecsTogetherTest : FunSpec({

    test("a message and the kind of its payload survive the way through every codec") {
        checkAll(iterations = 2_000, arbMessage) { message ->
            val travelled = (codecs + JsonCodec).fold(message) { it, codec -> codec.decode(codec.encode(it)) }

            travelled shouldBe message
            travelled.body?.let { it::class } shouldBe message.body?.let { it::class }
        }
    }

    test("each codec has a subprotocol of its own, and only JSON travels as text") {
        codecs.map { it.subprotocol to it.isBinary } shouldBe
            listOf("live.v1.json" to false, "live.v1.cbor" to true, "live.v1.msgpack" to true)
    }
})
