package dev.live.interop

import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.collections.shouldHaveAtLeastSize
import io.kotest.matchers.string.shouldContain

/**
 * Encoders and WebSocket clients of npm and Maven Central on every transport. `interop.sh` tests the other languages.
 */
class InteropTest : FunSpec({
    val results by lazy { Suite.run(Catalog.buildLanguages) }

    test("the default output of npm and Maven Central encoders works, or the error names the setting") {
        results.encoders.mapNotNull { Rows.problem(it) }.shouldBeEmpty()
    }

    test("a WebSocket client of npm or Maven Central sends and receives both kinds of frames, and closes") {
        results.clients.mapNotNull { Rows.problem(it) }.shouldBeEmpty()
    }

    test("each WebSocket client reads a body of 50 KB as JSON, at least with the setting on the page") {
        val unable = { rows: List<ClientRow> -> rows.none { it.cells[ClientColumn.Large] == "✓" } }

        results.clients.groupBy { it.entry.library }.filterValues(unable).keys.shouldBeEmpty()
    }

    test("the page has the current rows of npm and Maven Central encoders: interop.sh JavaScript Java writes them") {
        val rows = results.encoders.map { Rows.of(it) }

        rows.shouldHaveAtLeastSize(30)
        page().rows.map(Rows::comparable) shouldContainAll rows.map(Rows::comparable)
    }

    test("the page has the current frame results of npm and Maven Central clients") {
        val rows = results.clients.map { Rows.of(it) }

        rows.shouldHaveAtLeastSize(14)
        page().rows.map(::frames) shouldContainAll rows.map(::frames)
    }

    test("the page has the current compression results of npm and Maven Central clients") {
        val rows = results.clients.mapNotNull { Rows.compressionOf(it) }

        rows.shouldHaveAtLeastSize(3)
        page().rows.map(Rows::comparable) shouldContainAll rows.map(Rows::comparable)
    }

    context("the page shows the tested program") {
        for (program in Catalog.all.flatMap { it.programs }) {
            test(program.file) {
                page().text shouldContain page().program(program.file).joinToString("\n")
            }
        }
    }
})

/** The first cells of a client's row: language, library, version, and the columns for frames. */
private fun frames(row: String): List<String> = Rows.comparable(row).split(" | ").take(6)
