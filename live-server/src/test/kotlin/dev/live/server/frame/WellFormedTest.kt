package dev.live.server.frame

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldNotContain
import io.kotest.matchers.types.shouldBeSameInstanceAs
import io.kotest.property.Arb
import io.kotest.property.arbitrary.element
import io.kotest.property.arbitrary.int
import io.kotest.property.arbitrary.list
import io.kotest.property.checkAll

class WellFormedTest : FunSpec({

    test("valid text is returned as the same instance") {
        for (text in listOf("", "abc", "ä€🌸", "🌸🌸")) text.wellFormed() shouldBeSameInstanceAs text
    }

    test("each lone surrogate is replaced") {
        "ab🌸".take(3).wellFormed() shouldBe "ab\uFFFD"
        "🌸b".drop(1).wellFormed() shouldBe "\uFFFDb"
        "\uD83C🌸\uDF38\uDF38\uD83C\uD83C".wellFormed() shouldBe "\uFFFD🌸\uFFFD\uFFFD\uFFFD\uFFFD"
    }

    test("text over the limit is cut between code points") {
        "ab🌸".wellFormed(maxLength = 3) shouldBe "ab"
        "ab🌸c".wellFormed(maxLength = 4) shouldBe "ab🌸"
        "abc".wellFormed(maxLength = 2) shouldBe "ab"
    }

    test("the result is valid UTF-16 within the limit and loses only lone surrogates") {
        checkAll(Arb.list(Arb.element("a", "🌸", "\uD83C", "\uDF38"), 0..12), Arb.int(1..24)) { parts, maxLength ->
            val text = parts.joinToString("")

            val result = text.wellFormed(maxLength)

            result.encodeToByteArray(throwOnInvalidSequence = true).decodeToString() shouldBe result
            (result.length <= maxLength) shouldBe true
            text.wellFormed().length shouldBe text.length
            if ("\uD83C" !in parts && "\uDF38" !in parts) result shouldNotContain "\uFFFD"
        }
    }
})
