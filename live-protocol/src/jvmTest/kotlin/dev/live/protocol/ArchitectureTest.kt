package dev.live.protocol

import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.collections.shouldNotBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldNotContain
import java.io.File

class ArchitectureTest : FunSpec({
    val sources = kotlinFiles("src/commonMain") + kotlinFiles("src/jvmMain")

    test("common code uses no JVM API except annotations that other platforms ignore") {
        kotlinFiles("src/commonMain").shouldNotBeEmpty().forAll {
            it.readText() shouldNotContain
                Regex("""\bjavax?\.|(\bkotlin\.jvm\.|@)(?!Jvm(Field|Static|Overloads)\b)Jvm""")
        }
    }

    test("every file is in the package of this module and in the matching directory") {
        sources.forAll {
            it.readLines().first { line -> line.startsWith("package ") } shouldBe "package dev.live.protocol"
            it.parentFile.invariantSeparatorsPath.substringAfter("/kotlin/") shouldBe "dev/live/protocol"
        }
    }

    test("the module does not depend on Ktor, coroutines or a logger") {
        sources.forAll {
            it.readText() shouldNotContain
                Regex("""^import (io\.ktor|kotlinx\.coroutines|org\.slf4j)""", RegexOption.MULTILINE)
        }
    }
})

private fun kotlinFiles(root: String): List<File> = File(root).walk().filter { it.extension == "kt" }.toList()
