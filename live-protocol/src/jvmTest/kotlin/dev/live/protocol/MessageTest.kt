package dev.live.protocol

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.shouldNotBe

class MessageTest : FunSpec({

    test("fields may be as long as the protocol says, in bytes of UTF-8") {
        Message("t".repeat(64), "é".repeat(128), "😀".repeat(16)).topic.length shouldBe 128
    }

    test("a field that is too long, empty or no Unicode is refused by name") {
        fun refusal(make: () -> Message) = shouldThrow<IllegalArgumentException> { make() }.message

        refusal { Message("") } shouldBe "type must not be empty"
        refusal { Message("t".repeat(65)) } shouldBe "type must be at most 64 bytes, was 65 or more"
        refusal { Message("é".repeat(33)) } shouldBe "type must be at most 64 bytes, was 66 or more"
        refusal { Message("x", topic = "😀".repeat(64) + "a") } shouldBe
            "topic must be at most 256 bytes, was 257 or more"
        refusal { Message("x", ref = "r".repeat(65)) } shouldBe "ref must be at most 64 bytes, was 65 or more"
        refusal { Message("x", ref = "\ud83d") } shouldBe "ref is not valid Unicode: it holds half of a surrogate pair"
        refusal { Message("x", trace = "t".repeat(65)) } shouldBe "trace must be at most 64 bytes, was 65 or more"
        refusal { Message("x", offset = -1) } shouldBe "offset must not be negative, was -1"
    }

    test("a topic holds no control characters") {
        listOf("\u0000", "a\nb", "\u001f", "\u007f", "\u0085").forEach { topic ->
            shouldThrow<IllegalArgumentException> { Message("x", topic) }.message shouldBe
                "topic must not contain control characters"
        }
        Message("a\nb", " \u00a0\u2028", "\u0000").ref shouldBe "\u0000"
    }

    test("messages are equal field by field") {
        val message = Message("x", "t", "r", Body.json("1"), 5)

        message shouldBe Message("x", "t", "r", Body.json("1"), 5)
        message.hashCode() shouldBe Message("x", "t", "r", Body.json("1"), 5).hashCode()
        listOf(
            Message("y", "t", "r", Body.json("1"), 5),
            Message("x", "u", "r", Body.json("1"), 5),
            Message("x", "t", "s", Body.json("1"), 5),
            Message("x", "t", "r", Body.json("2"), 5),
            Message("x", "t", "r", Body.json("1"), 6),
            Message("x", "t", "r", Body.json("1")),
            Message("x", "t", "r", Body.json("1"), 5, "00-1"),
        ).forEach { it shouldNotBe message }
    }

    test("a message may be logged: it does not show its payload") {
        Message("publish", "room/1", "r1", Body.json("\"secret\""), 7).toString() shouldBe
            "Message(type=publish, topic=room/1, ref=r1, body=JSON of 8 characters, offset=7)"
        Message("ping").toString() shouldBe "Message(type=ping)"
    }

    test("a token does not show in its payload's text") {
        AuthData("secret").toString() shouldBe "AuthData"
    }
})
