package dev.live.docs

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldNotBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import java.io.File
import java.util.Collections.indexOfSubList

/** The code of the docs is compiled with these tests: its blocks equal the sources except for whitespace. */
class DocsTest : FunSpec({
    val pages = File("../docs").listFiles { file -> file.extension == "md" }.orEmpty().sorted()
    val sources =
        listOf("test", "client-android", "sync-adapter", "netty", "redis")
            .map { "../live-$it/src/test" }
            .flatMap { File(it).walk() }
            .filter { "docs" in it.path.split(File.separatorChar) }
            .plus(File("../samples/proxies/src/main/kotlin").walk()) // quoted by docs/proxies.md
            .plus(File("../samples/tutorial/src").walk()) // quoted by docs/tutorial.md
            .filter { it.isFile }
            .map { bare(it.readLines()) }

    for (page in pages) {
        test("every Kotlin and Java block of ${page.name} is part of a compiled source file") {
            codeBlocks(page.readLines())
                .filterNot { block -> sources.any { it.hasBlock(block) } }
                .map { it.first() }
                .shouldBeEmpty()
        }
    }

    test("only android.md has blocks that are not compiled, and it states this") {
        val uncompiled = pages.filter { page -> page.readLines().any { it.trim() == "```kotlin not-compiled" } }

        uncompiled.map { it.name } shouldBe listOf("android.md")
        uncompiled.single().readText() shouldContain "These two blocks are not compiled by this build"
    }

    test("at least one page has code, so that the tests above can fail") {
        pages.flatMap { codeBlocks(it.readLines()) }.shouldNotBeEmpty()
    }
})

/** Whether these lines contain [block]. The lines of an import block need not be adjacent. */
private fun List<String>.hasBlock(block: List<String>): Boolean =
    indexOfSubList(this, block) >= 0 || (block.all { it.startsWith("import ") } && containsAll(block))

private fun codeBlocks(lines: List<String>): List<List<String>> {
    val fences = lines.indices.filter { lines[it].trimStart().startsWith("```") }
    return fences.chunked(2)
        .filter { (start, _) -> lines[start].trim().removePrefix("```") in setOf("kotlin", "java") }
        .map { (start, end) -> bare(lines.subList(start + 1, end)) }
}

/** Removes indentation, empty lines and the spaces that align comments. */
private fun bare(lines: List<String>): List<String> =
    lines.map { it.trim().replace(Regex(" +"), " ") }.filter { it.isNotEmpty() }
