package dev.live.protocol

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.matchers.shouldBe

class JsonCodecTest : CodecContract(JsonCodec) {
    init {
        test("data a hundred thousand times is refused at once") {
            val text = List(100_000) { """"data":"\/"""" }.joinToString(",", """{"type":"x",""", "}")

            takesLinearTime {
                shouldThrow<MalformedMessageException> { JsonCodec.decode(text.encodeToByteArray()) }
                    .reason shouldBe "a name occurs twice in an object"
            }
        }

        test("a reason names the field, or the place in the text") {
            fun refusal(
                text: String,
            ) = shouldThrow<MalformedMessageException> { JsonCodec.decode(text.encodeToByteArray()) }.reason

            refusal("{}") shouldBe "type is missing"
            refusal("""{"type":"x","topic":null}""") shouldBe "topic must be a string"
            refusal("""{"type":"x","offset":1.0}""") shouldBe "offset must be an integer from 0 to 9223372036854775807"
            refusal("""{"type":"x","body":"AA"}""") shouldBe "body is not padded base64"
            refusal("""{"type":"x","body":"","data":1}""") shouldBe "body and data exclude each other"
            refusal("""{"type":"x","data":hello}""") shouldBe
                "data is not valid JSON at character 19: a value is expected"
            refusal("""{"type":"x"}{""") shouldBe "the message is not valid JSON at character 12: text follows the end"
        }
    }
}
