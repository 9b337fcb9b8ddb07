package dev.live.protocol

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.matchers.shouldBe

class JsonCodecTest : CodecContract(JsonCodec) {
    init {
        test("data a hundred thousand times is refused at once") {
            val text = List(100_000) { """"data":"\/"""" }.joinToString(",", """{"type":"x",""", "}")

            takesLinearTime {
                shouldThrow<MalformedMessageException> { JsonCodec.decode(text.encodeToByteArray()) }
                    .reason shouldBe "data occurs twice in the message; send each name once"
            }
        }
    }
}
