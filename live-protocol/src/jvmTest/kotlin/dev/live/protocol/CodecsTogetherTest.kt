package dev.live.protocol

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.property.checkAll

class CodecsTogetherTest : FunSpec({

    test("a message and the kind of its payload survive every codec in turn") {
        checkAll(iterations = 2_000, arbMessage) { message ->
            val result = (codecs + JsonCodec).fold(message) { it, codec -> codec.decode(codec.encode(it)) }

            result shouldBe message
            result.body?.let { it::class } shouldBe message.body?.let { it::class }
        }
    }

    test("each codec has its own subprotocol, and only JSON uses text frames") {
        codecs.map { it.subprotocol to it.isBinary } shouldBe
            listOf("live.v1.json" to false, "live.v1.cbor" to true, "live.v1.msgpack" to true)
    }
})
