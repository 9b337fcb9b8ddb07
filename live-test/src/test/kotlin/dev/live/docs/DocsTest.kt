package dev.live.docs

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldNotBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import java.io.File
import java.util.Collections.indexOfSubList

/** What the pages of features show is compiled with these tests, and is the same code: only spaces may differ. */
class DocsTest : FunSpec({
    val pages = File("../docs").listFiles { file -> file.extension == "md" }.orEmpty().sorted()
    val sources =
        listOf("src/test", "../live-client-android/src/test", "../live-sync-adapter/src/test")
            .flatMap { File(it).walk() }
            .filter { "docs" in it.path.split(File.separatorChar) }
            .plus(File("../samples/proxies/src/main/kotlin").walk()) // which docs/proxies.md quotes
            .filter { it.isFile }
            .map { bare(it.readLines()) }

    for (page in pages) {
        test("every block of Kotlin and Java in ${page.name} stands in a source that is compiled here") {
            codeBlocks(page.readLines())
                .filterNot { block -> sources.any { indexOfSubList(it, block) >= 0 } }
                .map { it.first() }
                .shouldBeEmpty()
        }
    }

    test("only Android's page has blocks that are not compiled, and says so: androidx cannot be had here") {
        val pagesWithout = pages.filter { page -> page.readLines().any { it.trim() == "```kotlin not-compiled" } }

        pagesWithout.map { it.name } shouldBe listOf("android.md")
        pagesWithout.single().readText() shouldContain "These two blocks are not compiled here"
    }

    test("there are pages with code, so that the tests above can fail") {
        pages.flatMap { codeBlocks(it.readLines()) }.shouldNotBeEmpty()
    }
})

private fun codeBlocks(lines: List<String>): List<List<String>> {
    val fences = lines.indices.filter { lines[it].trimStart().startsWith("```") }
    return fences.chunked(2)
        .filter { (start, _) -> lines[start].trim().removePrefix("```") in setOf("kotlin", "java") }
        .map { (start, end) -> bare(lines.subList(start + 1, end)) }
}

/** Without indentation, empty lines, and the spaces that put comments in a column. */
private fun bare(lines: List<String>): List<String> =
    lines.map { it.trim().replace(Regex(" +"), " ") }.filter { it.isNotEmpty() }
