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

    test("text that UTF-8 can encode is returned as it is") {
        for (text in listOf("", "abc", "ä€🌸", "🌸🌸")) text.wellFormed() shouldBeSameInstanceAs text
    }

    test("each half of a surrogate pair is replaced, wherever it stands") {
        "ab🌸".take(3).wellFormed() shouldBe "ab\uFFFD"
        "🌸b".drop(1).wellFormed() shouldBe "\uFFFDb"
        "\uD83C🌸\uDF38\uDF38\uD83C\uD83C".wellFormed() shouldBe "\uFFFD🌸\uFFFD\uFFFD\uFFFD\uFFFD"
    }

    test("text that is too long is cut between characters") {
        "ab🌸".wellFormed(most = 3) shouldBe "ab"
        "ab🌸c".wellFormed(most = 4) shouldBe "ab🌸"
        "abc".wellFormed(most = 2) shouldBe "ab"
    }

    test("the result always has a UTF-8 form, is no longer, and loses nothing but halves") {
        checkAll(Arb.list(Arb.element("a", "🌸", "\uD83C", "\uDF38"), 0..12), Arb.int(1..24)) { parts, most ->
            val text = parts.joinToString("")

            val result = text.wellFormed(most)

            result.encodeToByteArray(throwOnInvalidSequence = true).decodeToString() shouldBe result
            (result.length <= most) shouldBe true
            text.wellFormed().length shouldBe text.length
            if ("\uD83C" !in parts && "\uDF38" !in parts) result shouldNotContain "\uFFFD"
        }
    }
})
