package dev.live.interop

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.collections.shouldHaveAtLeastSize
import io.kotest.matchers.string.shouldContain

/** Encoders and WebSocket clients of npm and of Maven Central on every transport; `interop.sh` runs other languages. */
class InteropTest : FunSpec({
    val results by lazy { Suite.run(Catalog.ofTheBuild) }

    test("what an encoder of npm or Maven Central writes by default works, or the refusal names what to set") {
        results.encoders.mapNotNull { Rows.problem(it) }.shouldBeEmpty()
    }

    test("a WebSocket client of npm or Maven Central sends and reads both kinds of frames, and closes") {
        results.clients.mapNotNull { Rows.problem(it) }.shouldBeEmpty()
    }

    test("each WebSocket client reads a body of 50 KB as JSON, at least with the setting that the page shows") {
        val unable = { rows: List<ClientRow> -> rows.none { it.cells[ClientColumn.Large] == "✓" } }

        results.clients.groupBy { it.entry.library }.filterValues(unable).keys.shouldBeEmpty()
    }

    test(
        "the page has the rows that encoders of npm and Maven Central have now: interop.sh JavaScript Java writes them",
    ) {
        val rows = results.encoders.map { Rows.of(it) }

        rows.shouldHaveAtLeastSize(30)
        page().rows.map(Rows::comparable) shouldContainAll rows.map(Rows::comparable)
    }

    test("the page says of the clients of npm and Maven Central which frames they send and read") {
        val rows = results.clients.map { Rows.of(it) }

        rows.shouldHaveAtLeastSize(14)
        page().rows.map(::frames) shouldContainAll rows.map(::frames)
    }

    context("the page shows the program that was run") {
        for (program in Catalog.all.flatMap { it.programs }) {
            test(program.file) {
                page().text shouldContain page().program(program.file).joinToString("\n")
            }
        }
    }
})

/** The first cells of a client's row: language, library, version, and the columns about frames. */
private fun frames(row: String): List<String> = Rows.comparable(row).split(" | ").take(6)
