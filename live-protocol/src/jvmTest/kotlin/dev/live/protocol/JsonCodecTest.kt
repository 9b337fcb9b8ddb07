package dev.live.protocol

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.matchers.shouldBe

class JsonCodecTest : CodecContract(JsonCodec) {
    init {
        test("a hundred thousand data fields are rejected in linear time") {
            val text = List(100_000) { """"data":"\/"""" }.joinToString(",", """{"type":"x",""", "}")

            assertLinearTime {
                shouldThrow<MalformedMessageException> { JsonCodec.decode(text.encodeToByteArray()) }
                    .reason shouldBe "data occurs twice in the message; send each name once"
            }
        }
    }
}
