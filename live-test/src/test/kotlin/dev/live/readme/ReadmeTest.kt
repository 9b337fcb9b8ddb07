package dev.live.readme

import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldStartWith
import java.io.File
import java.util.Collections.indexOfSubList

/** What the README shows is compiled with these tests, and is the same code: only spaces may differ. */
class ReadmeTest : FunSpec({
    val blocks = codeBlocks(File("../README.md").readLines())
    val folders = listOf("src/test", "../live-client-android/src/test")
    val files = folders.flatMap { File(it).walk() }.filter { it.isFile && it.parentFile.name == "readme" }
    val sources = files.map { bare(it.readLines()) }

    test("every block of Kotlin and Java in the README stands in a source that is compiled here") {
        blocks
            .filter { it.language in setOf("kotlin", "java") }
            .filterNot { block -> sources.any { indexOfSubList(it, block.lines) >= 0 } }
            .shouldBeEmpty()
    }

    test("only what needs androidx is not compiled: the README says so, and it is what Android's page shows") {
        val page = File("../docs/android.md").readLines()
        val notCompiled = blocks.filter { it.language == NOT_COMPILED }

        notCompiled.map { it.lines } shouldBe codeBlocks(page).filter { it.language == NOT_COMPILED }.map { it.lines }
        File("../README.md").readText() shouldContain "These two blocks are not compiled here"
    }

    test("a block of the README is Kotlin, Java, for Gradle, for a manifest, or something to type in a terminal") {
        blocks.map { it.language }.toSet() shouldBe setOf("", "kotlin", "java", NOT_COMPILED, "kts", "xml")
        blocks.filter { it.language.isEmpty() }.flatMap { it.lines }.forAll { it shouldStartWith "mvn " }
    }
})

private const val NOT_COMPILED = "kotlin not-compiled"

private class Block(val language: String, val lines: List<String>) {
    override fun toString(): String = "${language.ifEmpty { "terminal" }}: ${lines.first()} ..."
}

private fun codeBlocks(lines: List<String>): List<Block> {
    val fences = lines.indices.filter { lines[it].trimStart().startsWith("```") }
    return fences.chunked(2) { (start, end) ->
        Block(lines[start].trim().removePrefix("```"), bare(lines.subList(start + 1, end)))
    }
}

/** Without indentation, empty lines, and the spaces that put comments in a column. */
private fun bare(lines: List<String>): List<String> =
    lines.map { it.trim().replace(Regex(" +"), " ") }.filter { it.isNotEmpty() }
