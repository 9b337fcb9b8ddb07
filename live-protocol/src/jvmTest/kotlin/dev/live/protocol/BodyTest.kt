package dev.live.protocol

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.shouldNotBe
import io.kotest.matchers.types.shouldBeSameInstanceAs
import io.kotest.property.checkAll
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement

class BodyTest : FunSpec({

    test("compacting JSON removes white space and redundant escapes and keeps the value") {
        checkAll(iterations = 2_000, arbJson) { text ->
            val compact = Body.json(text).text

            Json.parseToJsonElement(compact) shouldBe Json.parseToJsonElement(text)
            compact shouldBe Json.parseToJsonElement(text).toString()
        }
    }

    test("text that is already compact is not copied") {
        val text = """{"a":[1,-2.5e+3,"\n\"é😀",true,null],"b":{}}"""

        Body.json(text).text shouldBeSameInstanceAs text
    }

    @OptIn(DelicateLiveApi::class)
    test("unchecked JSON equals checked JSON of the same text") {
        val text = """{"a":[1,-2.5e+3]}"""

        Body.uncheckedJson(text) shouldBe Body.json(text)
        Body.uncheckedJson(text).text shouldBeSameInstanceAs text
    }

    test("numbers keep their original text") {
        Body.json("[ 1e400, 12345678901234567890.123, -0, 1E05 ]").text shouldBe
            "[1e400,12345678901234567890.123,-0,1E05]"
    }

    test("an unpaired surrogate is rejected because UTF-8 cannot encode it") {
        listOf("\"\ud83d\"", "\"\ude00\"", "\"\ud83d\\ude00\"", "\"\\ud83d\ude00\"").forEach {
            shouldThrow<MalformedMessageException> { Body.json(it) }.code shouldBe ErrorCode.BadMessage
        }
    }

    test("the reason of an error contains the character index or the limit") {
        shouldThrow<MalformedMessageException> { Body.json("[1,]") }.reason shouldBe
            "data is not valid JSON at character 3: a value is expected"
        shouldThrow<MalformedMessageException> { Body.json("[[1]]", DecodeLimits(maxDepth = 1)) }.reason shouldBe
            "data is nested deeper than 1"
    }

    test("size is in bytes") {
        Body.json("\"é😀\"").size shouldBe 8
        Body.bytes(ByteArray(3)).size shouldBe 3
    }

    test("bytes are copied in and out") {
        val bytes = byteArrayOf(1, 2)
        val body = Body.bytes(bytes)

        bytes[0] = 9
        body.toByteArray()[1] = 9

        body.toByteArray() shouldBe byteArrayOf(1, 2)
    }

    test("equals compares the kind and the content") {
        Body.bytes(byteArrayOf(1)) shouldBe Body.bytes(byteArrayOf(1))
        Body.bytes(byteArrayOf(1)).hashCode() shouldBe Body.bytes(byteArrayOf(1)).hashCode()
        Body.bytes(byteArrayOf(1)) shouldNotBe Body.bytes(byteArrayOf(2))
        Body.json(" 1").hashCode() shouldBe Body.json("1").hashCode()
        (Body.json("1") as Body) shouldNotBe Body.bytes("1".encodeToByteArray())
    }

    test("toString omits the content") {
        Body.json("\"secret\"").toString() shouldBe "JSON of 8 characters"
        Body.bytes("secret".encodeToByteArray()).toString() shouldBe "6 bytes"
    }

    test("a JsonElement in a value class keeps the text of its numbers") {
        Body.of(Boxed(Json.parseToJsonElement("[0.1000,1e400]"))).text shouldBe "[0.1000,1e400]"
        Body.of(listOf(Boxed(Json.parseToJsonElement("-0")))).text shouldBe "[-0]"
        Body.of(mapOf("a" to Boxed(Json.parseToJsonElement("1.0")))).text shouldBe """{"a":1.0}"""
    }
})

@Serializable
@JvmInline
private value class Boxed(val value: JsonElement)
