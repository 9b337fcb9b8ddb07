package dev.live.readme

import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldStartWith
import java.io.File
import java.util.Collections.indexOfSubList

/** The README's code is compiled with these tests: its blocks equal the sources here except for whitespace. */
class ReadmeTest : FunSpec({
    val blocks = codeBlocks(File("../README.md").readLines())
    val files = File("src/test").walk().filter { it.isFile && it.parentFile.name == "readme" }
    val sources = files.map { bare(it.readLines()) }.toList()

    test("every Kotlin and Java block of the README is part of a compiled source file") {
        blocks
            .filter { it.language in setOf("kotlin", "java") }
            .filterNot { block -> sources.any { indexOfSubList(it, block.lines) >= 0 } }
            .shouldBeEmpty()
    }

    test("every block of the README is Kotlin, Java or terminal commands") {
        blocks.map { it.language }.toSet() shouldBe setOf("", "kotlin", "java")
        blocks.filter { it.language.isEmpty() }.flatMap { it.lines }.forAll { it shouldStartWith "mvn " }
    }
})

private class Block(val language: String, val lines: List<String>) {
    override fun toString(): String = "${language.ifEmpty { "terminal" }}: ${lines.first()} ..."
}

private fun codeBlocks(lines: List<String>): List<Block> {
    val fences = lines.indices.filter { lines[it].trimStart().startsWith("```") }
    return fences.chunked(2) { (start, end) ->
        Block(lines[start].trim().removePrefix("```"), bare(lines.subList(start + 1, end)))
    }
}

/** Removes indentation, empty lines and the spaces that align comments. */
private fun bare(lines: List<String>): List<String> =
    lines.map { it.trim().replace(Regex(" +"), " ") }.filter { it.isNotEmpty() }
