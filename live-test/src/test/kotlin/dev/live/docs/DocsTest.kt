package dev.live.docs

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldNotBeEmpty
import java.io.File
import java.util.Collections.indexOfSubList

/** What the pages in docs show is compiled with these tests, and is the same code: only spaces may differ. */
class DocsTest : FunSpec({
    val sources =
        File("src/test").walk().filter {
            it.isFile && it.parentFile.name == "docs"
        }.map { bare(it.readLines()) }.toList()

    for (page in File("../docs").listFiles { file -> file.extension == "md" }.orEmpty().sorted()) {
        test("every block of Kotlin and Java in ${page.name} stands in a source that is compiled here") {
            codeBlocks(page.readLines()).filterNot { block ->
                sources.any { indexOfSubList(it, block) >= 0 }
            }.shouldBeEmpty()
        }
    }

    test("there are blocks to look for") {
        codeBlocks(File("../docs/observing.md").readLines()).shouldNotBeEmpty()
    }
})

/** The lines of each block that is Kotlin or Java. */
private fun codeBlocks(lines: List<String>): List<List<String>> {
    val fences = lines.indices.filter { lines[it].trimStart().startsWith("```") }
    return fences.chunked(2)
        .filter { (start, _) -> lines[start].trim() in setOf("```kotlin", "```java") }
        .map { (start, end) -> bare(lines.subList(start + 1, end)) }
}

/** Without indentation, empty lines, and the spaces that put comments in a column. */
private fun bare(lines: List<String>): List<String> =
    lines.map { it.trim().replace(Regex(" +"), " ") }.filter { it.isNotEmpty() }
