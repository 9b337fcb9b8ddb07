package dev.live.server

import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldBeIn
import io.kotest.matchers.collections.shouldNotBeEmpty
import io.kotest.matchers.ints.shouldBeLessThanOrEqual
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldNotContain
import java.io.File

/** The packages of this module in dependency order: each imports only from itself and the packages before it. */
private val layers =
    listOf(
        "config",
        "broker",
        "observe",
        "frame",
        "dialect",
        "topic",
        "worker",
        "transport",
        "session",
        "limits",
        "endpoint",
        "dispatch",
        "http",
        "sse",
        "operate",
        ROOT,
    )
private const val ROOT = ""
private const val PACKAGE = "dev.live.server"

class ArchitectureTest : FunSpec({
    val sources = File("src/main/kotlin").walk().filter { it.extension == "kt" }.toList()

    test("every file is in a known package, and its directory matches its package") {
        sources.shouldNotBeEmpty().forAll { file ->
            file.packageName() shouldBe
                file.parentFile.invariantSeparatorsPath.substringAfter("src/main/kotlin/").replace('/', '.')
            file.layer() shouldBeIn layers
        }
    }

    test("a package imports only from itself and the packages before it") {
        sources.forAll { file ->
            val allowed = layers.take(layers.indexOf(file.layer()) + 1)
            file.mentionedLayers().filterNot { it in allowed }.shouldBeEmpty()
        }
    }

    test("the server does not depend on the client") {
        sources.forAll { it.readText() shouldNotContain "dev.live.client" }
    }

    test("only the transport package depends on an engine") {
        sources.filter { it.layer() != "transport" }.forAll {
            it.readText() shouldNotContain Regex("""\bio\.netty\b|\bio\.ktor\.server\.(netty|cio)\b""")
        }
    }

    test(
        "main code uses no GlobalScope, no runBlocking, no unlimited channel and no runCatching",
    ) {
        sources.forAll { file ->
            for (banned in listOf("GlobalScope", "runBlocking", "Channel.UNLIMITED", "runCatching")) {
                withClue(banned) {
                    Regex("""\b${Regex.escape(banned)}\b""").containsMatchIn(file.readText()) shouldBe
                        false
                }
            }
        }
    }

    test("at most three files depend on each other in a cycle") {
        val dependencies = sources.associateWith { file -> file.dependencies(sources) }

        val cycles = sources.map { file ->
            dependencies.reachableFrom(file).filter { file in dependencies.reachableFrom(it) }.map { it.name }.toSet()
        }

        cycles.filter { it.size > 3 }.toSet().shouldBeEmpty()
    }

    test("no file is longer than 300 lines") {
        sources.forAll { it.readLines().size shouldBeLessThanOrEqual 300 }
    }
})

private fun File.packageName() = readLines().first { it.startsWith("package ") }.removePrefix("package ")

private fun File.layer(): String = packageName().removePrefix(PACKAGE).removePrefix(".").substringBefore('.')

/** Packages of this module that the file mentions, as an import or a qualified name. */
private fun File.mentionedLayers(): Set<String> =
    readLines()
        .filterNot { it.startsWith("package ") }
        .flatMap { line -> Regex("""\bdev\.live\.server\.([A-Za-z]+)""").findAll(line).map { it.groupValues[1] } }
        .map { if (it.first().isUpperCase() || it == "live" || it == "liveEndpoint") ROOT else it }
        .filterNot { it in setOf("handler") } // names of loggers
        .toSet()

/** The files of [all] that declare a class which this file mentions, without its comments and strings. */
private fun File.dependencies(all: List<File>): List<File> {
    val words = Regex("""\w+""").findAll(code()).mapTo(HashSet()) { it.value }
    val imports = readLines().filter { it.startsWith("import ") }.map { it.removePrefix("import ") }.toSet()
    return all.filter { other ->
        other != this && other.classes().any { name ->
            name in words && (other.parentFile == parentFile || "${other.packageName()}.$name" in imports)
        }
    }
}

private fun File.code(): String =
    readLines()
        .filterNot { it.startsWith("import ") || it.startsWith("package ") }
        .joinToString("\n")
        .replace(Regex("""/\*[\s\S]*?\*/|//.*|"(\\.|[^"\\\n])*""""), "")

private fun File.classes(): List<String> =
    Regex("""^(?:[a-z]+ )*(?:class|interface|object) (\w+)""", RegexOption.MULTILINE)
        .findAll(code()).map { it.groupValues[1] }.toList()

private fun Map<File, List<File>>.reachableFrom(start: File): Set<File> {
    val found = HashSet<File>()
    val open = ArrayDeque(getValue(start))
    while (open.isNotEmpty()) {
        val file = open.removeFirst()
        if (found.add(file)) open += getValue(file)
    }
    return found
}
