package dev.live.docs

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldNotBeEmpty
import java.io.File

/** Checks the timeouts of the tests in all modules. A timeout that a busy machine can reach makes a test flaky. */
class TestBoundsTest : FunSpec({
    val sources = File("..").walk().onEnter { it.name !in SKIPPED }.filter(::isTest).toList()

    test("no test waits less than a minute for a condition") {
        sources.flatMap { file -> file.readLines().filter(::isTooShort).map { "$file: ${it.trim()}" } }.shouldBeEmpty()
    }

    test("no test compares a measured duration with a bound") {
        sources.flatMap { file ->
            file.readLines().filter { MEASURED in it }.map { "$file: ${it.trim()}" }
        }.shouldBeEmpty()
    }

    test("there are tests that wait, so that the tests above are effective") {
        sources.filter { "eventually(" in it.readText() }.shouldNotBeEmpty()
        listOf(
            "eventually(10.seconds) {",
            "withTimeout(20.seconds) { received.receive() }",
            "withTimeout(10_000) {",
            "future.get(10, TimeUnit.SECONDS)",
            "latch.await(5, SECONDS)",
            "socket.soTimeout = 20_000",
            "flow.test {",
            "test(name).config(timeout = 60.seconds) {",
        ).filterNot(::isTooShort).shouldBeEmpty()
        listOf(
            "eventually(HANG_TIMEOUT) {",
            "withTimeout(1.seconds) { awaitCancellation() }",
            "future.get(2, TimeUnit.MINUTES)",
            "socket.soTimeout = 120_000",
        ).filter(::isTooShort).shouldBeEmpty()
    }
})

private val SKIPPED = setOf("target", "node_modules", ".git")

private const val MEASURED = "measureTime "

/** A timeout of one second is allowed: it is the subject of a test, because the limited operation never ends. */
private val TOO_SHORT =
    listOf(
        Regex("""\beventually\(\d+\.(seconds|milliseconds)\)"""),
        Regex("""\bwithTimeout\(([2-9]|[1-5]\d)\.seconds\)"""),
        Regex("""\bwithTimeout\([1-5]?\d_\d{3}\)"""),
        Regex("""\.(get|poll|await|join)\([1-5]?\d, (TimeUnit\.)?SECONDS\)"""),
        Regex("""\bsoTimeout = [1-5]?\d_?\d{3}\b"""),
        Regex("""\.test(\(timeout = \d+\.seconds\))? \{"""), // Turbine, 3 s of real time by default
        Regex("""\.config\(timeout = \d+\.seconds\)"""),
        Regex("""\btestLive\(.*timeout = \d+\.seconds"""),
    )

private fun isTooShort(line: String): Boolean = TOO_SHORT.any { it.containsMatchIn(line) }

private fun isTest(file: File): Boolean =
    file.extension in setOf("kt", "java") &&
        file.name != "TestBoundsTest.kt" &&
        file.invariantSeparatorsPath.contains(Regex("/src/(test|jvmTest|jsTest|commonTest)/"))
