package dev.live.docs

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.ints.shouldBeGreaterThan
import java.io.File

/**
 * Counts words that plain English rarely needs in comments, test names and pages: free relatives ("What is not declared
 * costs nothing") and the verb "tell" for a notification.
 *
 * The comments of krossbow, OkHttp, Ktor's plugins and centrifuge have at most 0.7 "what", 0.4 "who" and 0.5 "tell" in
 * 1,000 words, and no sentence that begins with a free relative.
 */
class ProseTest : FunSpec({
    val modules = File("..").listFiles { it: File -> File(it, "pom.xml").exists() }.orEmpty().sorted()
    val code = modules.flatMap { module -> filesIn(module, "kt", "java", "js", "mjs") }
    val groups =
        mapOf(
            "comments of main code" to
                code.filter { "/src/" in it.path && !it.isTest() }.map { it to comments(it.readText()) },
            "comments of tests" to code.filter { it.isTest() }.map { it to comments(it.readText()) },
            "names of tests" to code.filter { it.isTest() }.map { it to testNames(it.readText()) },
            "pages" to File("..").listFiles { it: File -> it.name != "node_modules" }.orEmpty().sorted()
                .flatMap { filesIn(it, "md") }.map { it to page(it.readText()) },
        )

    for ((group, texts) in groups) {
        val words = texts.sumOf { (_, text) -> WORD.findAll(text).count() }
        val sentences = texts.flatMap { (file, text) -> sentences(text).map { file to it } }

        test("the $group are read at all") {
            words shouldBeGreaterThan 1_000
        }

        test("fewer than 1 % of the sentences in the $group begin with What or Who") {
            val found = sentences.filter { (_, sentence) -> FREE_RELATIVE.containsMatchIn(sentence) }

            found.beyond(sentences.size / 100).shouldBeEmpty()
        }

        for ((word, perThousand) in LIMITS) {
            test("in the $group ${word.pattern} occurs less than $perThousand times in 1,000 words") {
                val found = sentences.filter { (_, sentence) -> word.containsMatchIn(sentence) }

                found.beyond((perThousand * words / 1_000).toInt()).shouldBeEmpty()
            }
        }
    }
})

private val WORD = Regex("[A-Za-z']+")
private val FREE_RELATIVE = Regex("""^\W*(What|Who|Whoever|Whose|Whom)\b""")

/** Occurrences in 1,000 words. */
private val LIMITS =
    mapOf(
        Regex("\\bwhat\\b", RegexOption.IGNORE_CASE) to 2.0,
        Regex("\\b(who|whose|whoever)\\b", RegexOption.IGNORE_CASE) to 0.5,
        Regex("\\b(tell|tells|told)\\b", RegexOption.IGNORE_CASE) to 0.5,
    )

private fun File.isTest(): Boolean = Regex("/src/\\w*[tT]est/").containsMatchIn(path)

private fun filesIn(folder: File, vararg extensions: String): List<File> =
    folder.walk().onEnter { it.name !in setOf("target", "node_modules", "vectors", ".git") }
        .filter { it.isFile && it.extension in extensions }
        .sorted().toList()

/** The findings, with their places, if there are more than [limit]; otherwise none. */
private fun List<Pair<File, String>>.beyond(limit: Int): List<String> =
    if (size <=
        limit
    ) {
        emptyList()
    } else {
        map { (file, sentence) -> "${file.path.removePrefix("../")}: ${sentence.take(100)}" }
    }

private fun comments(source: String): String =
    Regex("""/\*\*?([\s\S]*?)\*/|(?<!:)//([^\n]*)""").findAll(source)
        .joinToString("\n\n") { it.groupValues[1] + it.groupValues[2] }
        .replace(Regex("""\n\s*\*[ \t]?"""), "\n")

private fun testNames(source: String): String =
    Regex("""\b(?:test|context|scene)\("([^"\n]*)"|fun `([^`]*)`""").findAll(source)
        .joinToString("\n\n") { it.groupValues[1] + it.groupValues[2] }

/** The sentences of a page: without code, with a line for each cell of a table. */
private fun page(markdown: String): String =
    markdown.replace(Regex("```.*?```", RegexOption.DOT_MATCHES_ALL), "")
        .replace(Regex("`[^`\n]*`"), "x")
        .replace("|", "\n\n")

private fun sentences(text: String): List<String> =
    text.split(Regex("""(?<=[.!?:])\s+|\n\s*\n|\n\s*[-#]"""))
        .map { it.replace(Regex("""\s+"""), " ").trim() }
        .filter { it.count(' '::equals) > 2 }
