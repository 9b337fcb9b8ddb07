package dev.live.server.conformance

import dev.live.server.support.Engine
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import java.io.File

/**
 * Conformance with RFC 6455 on every transport: the cases of groups 1 to 7, 9 and 10 of Autobahn|Testsuite's fuzzing
 * client, reimplemented, and additional cases. `docs/conformance.md` lists them.
 *
 * All cases of one transport run concurrently against one server. `-Dlive.conformance.full=true` runs group 9 at full
 * size.
 */
class ConformanceTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        context("on $engine") {
            val failures = lazyOutcomes(engine)
            for (case in conformanceCases) {
                test("${case.id} ${case.description}") { failures()[case.id].shouldBeNull() }
            }
        }
    }

    test("the number of cases per group matches Autobahn, and ids are unique") {
        val numbers = conformanceCases.filter { it.group != "L" }.groupingBy { it.group }.eachCount()

        numbers shouldBe
            mapOf("1" to 16, "2" to 11, "3" to 7, "4" to 10, "5" to 20, "6" to 145, "7" to 37, "9" to 54, "10" to 1)
        conformanceCases.map { it.id }.distinct().size shouldBe conformanceCases.size
    }

    test("the table in docs/conformance.md lists every case") {
        val page = File("../docs/conformance.md")
        val table = conformanceTable()
        if (System.getProperty("live.conformance.write").toBoolean()) {
            val text = page.readText().substringBefore(TABLE_START)
            page.writeText(text + TABLE_START + "\n" + table.joinToString("\n", postfix = "\n"))
        }

        page.readText().substringAfter(TABLE_START).lines().filter { it.isNotEmpty() } shouldContainExactly
            table.filter { it.isNotEmpty() }
    }
})

private const val TABLE_START = "<!-- The table is generated: mvn -pl live-protocol,live-server test " +
    "-Dtest=ConformanceTest -Dlive.conformance.write=true -->"

private const val CONCURRENT_CASES = 16

/** Runs all cases on [engine] at the first call; maps the ids of failed cases to their errors. */
private fun lazyOutcomes(engine: Engine): suspend () -> Map<String, String> {
    var known: Map<String, String>? = null
    return { known ?: outcomes(engine).also { known = it } }
}

private suspend fun outcomes(engine: Engine): Map<String, String> {
    val failures = mutableMapOf<String, String>()
    withServer(engine, { echo() }) {
        val dispatcher = Dispatchers.IO.limitedParallelism(CONCURRENT_CASES)
        coroutineScope {
            conformanceCases.map { case ->
                async(dispatcher) { case.id to failure(case, port) }
            }.awaitAll()
        }.forEach { (id, failure) -> if (failure != null) failures[id] = failure }
    }
    return failures
}

private fun failure(case: Case, port: Int): String? =
    try {
        Peer.connect(port, case.isBinary, case.early, case.isEndedEarly).use(case.script)
        null
    } catch (e: Exception) {
        e.toString()
    } catch (e: AssertionError) {
        e.toString()
    }
