package dev.live.protocol

import io.kotest.assertions.throwables.shouldNotThrowAny
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.property.Arb
import io.kotest.property.arbitrary.element
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.checkAll

class JsonNamesTest : FunSpec({

    test("an object is rejected exactly if two of its names are equal after unescaping") {
        val spellings = Arb.element("a", "\\u0061", "b", "\\u0062", "ab", "a\\n", "a\\u000a", "ä", "\\u00e4", "")
        checkAll(Arb.list(spellings, 0..6)) { names ->
            val unescaped = names.map { Body.json("\"$it\"").text }

            isRejected(names) shouldBe (unescaped.toSet().size < names.size)
        }
    }

    test("a long object is rejected exactly if two of its names are equal") {
        checkAll(Arb.list(Arb.int(0..400), 0..40)) { numbers ->
            isRejected(numbers.map { "name $it" }) shouldBe (numbers.toSet().size < numbers.size)
        }
    }

    test("objects of all depths may have the same names") {
        shouldNotThrowAny { Body.json("""{"a":{"a":{"a":1},"b":2},"b":[{"a":1},{"a":2}]}""") }
        shouldThrow<MalformedMessageException> { Body.json("""{"a":{"b":1},"b":[{"a":1}],"a":2}""") }
    }
})

private fun isRejected(names: List<String>): Boolean =
    try {
        Body.json(names.joinToString(",", "{", "}") { "\"$it\":1" })
        false
    } catch (e: MalformedMessageException) {
        e.reason shouldBe "a name occurs twice in an object; send each name once"
        true
    }
