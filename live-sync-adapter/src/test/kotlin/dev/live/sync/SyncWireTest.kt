package dev.live.sync

import dev.live.protocol.Body
import dev.live.protocol.CborCodec
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.of
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.uLong
import io.kotest.property.checkAll
import kotlinx.serialization.json.Json

class SyncWireTest : FunSpec({

    test("a cursor is encoded as a JSON number, and also as text above 2^53") {
        SyncWire.jsonOf(0uL).toString() shouldBe """{"cursor":0}"""
        SyncWire.jsonOf(1uL shl 53).toString() shouldBe """{"cursor":9007199254740992}"""
        SyncWire.jsonOf((1uL shl 53) + 1uL).toString() shouldBe
            """{"cursor":9007199254740993,"cursorText":"9007199254740993"}"""
        SyncWire.jsonOf(ULong.MAX_VALUE).toString() shouldBe
            """{"cursor":18446744073709551615,"cursorText":"18446744073709551615"}"""
    }

    test("every codec preserves every cursor") {
        checkAll(Arb.uLong()) { cursor ->
            for (codec in listOf(JsonCodec, CborCodec)) {
                val sent = Message(SyncWire.TYPE, "sync:s", body = SyncWire.bodyOf(cursor))
                SyncWire.cursorIn(codec.decode(codec.encode(sent))) shouldBe cursor
            }
        }
    }

    test("the text takes precedence over the number, which an intermediary may have rounded") {
        val rounded = """{"cursor":9007199254740992,"cursorText":"9007199254740993"}"""

        SyncWire.cursorIn(Json.parseToJsonElement(rounded)) shouldBe 9007199254740993uL
    }

    test("an invalid cursor decodes to null") {
        val invalid =
            listOf(
                """{}""",
                """{"cursor":-1}""",
                """{"cursor":1.5}""",
                """{"cursor":"x"}""",
                """{"cursor":null}""",
                "7",
                """{"cursor":18446744073709551616}""",
                """{"cursor":[1]}""",
            )
        for (text in invalid) SyncWire.cursorIn(Json.parseToJsonElement(text)) shouldBe null
        SyncWire.cursorIn(Message(SyncWire.TYPE, "sync:s")) shouldBe null
        SyncWire.cursorIn(Message(SyncWire.TYPE, "sync:s", body = Body.of("no json".encodeToByteArray()))) shouldBe null
    }

    test("a scope has at most 251 bytes and no control characters") {
        SyncWire.topicOf("list/42") shouldBe "sync:list/42"
        SyncWire.topicOf("ä".repeat(125)) shouldBe "sync:" + "ä".repeat(125)

        shouldThrow<IllegalArgumentException> { SyncWire.topicOf("") }.message shouldBe "a scope must not be empty"
        shouldThrow<IllegalArgumentException> { SyncWire.topicOf("ä".repeat(126)) }.message shouldBe
            "a scope must be at most 251 bytes of UTF-8, was at least 252; use a shorter name"
        shouldThrow<IllegalArgumentException> { SyncWire.topicOf("x".repeat(1024)) }.message shouldBe
            "a scope must be at most 251 bytes of UTF-8, was at least 1024; use a shorter name"
        shouldThrow<IllegalArgumentException> { SyncWire.topicOf("a\nb") }.message shouldBe
            "a scope must not contain control characters"
    }
})
