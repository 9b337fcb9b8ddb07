package dev.live.samples.syncnotes.engine

import dev.live.samples.syncnotes.wire.Batch
import dev.live.samples.syncnotes.wire.Edit
import dev.live.samples.syncnotes.wire.Place
import dev.live.sync.SyncNotifier
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.engine.spec.tempdir
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldContainExactlyInAnyOrder
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import java.nio.file.Path
import java.util.concurrent.CopyOnWriteArrayList

class SyncEngineTest : FunSpec({

    test("a list's log counts from 1, and another list's does not mind") {
        withEngine { engine, _ ->
            engine.post(batch("a", "one", "two")).places.map { it.sequence } shouldContainExactly listOf(1L, 2L)
            engine.post(batch("b", "three")).cursor shouldBe 1

            engine.changes("a", 0).changes.map { it.changeId } shouldContainExactly listOf("one", "two")
            engine.changes("a", 1).changes.map { it.changeId } shouldContainExactly listOf("two")
            engine.changes("a", 2).changes.shouldBeEmpty()
            engine.cursor("never written") shouldBe 0
        }
    }

    test("a change that is posted twice is stored once, as it first was, and answered with the place it has") {
        withEngine { engine, _ ->
            engine.post(batch("a", "one", "two"))

            val again = engine.post(Batch("a", 0, listOf(edit("two", "another text"), edit("three"), edit("three"))))

            again.places shouldContainExactly listOf(Place("two", 2), Place("three", 3), Place("three", 3))
            again.cursor shouldBe 3
            engine.changes("a", 0).changes.map { it.text } shouldContainExactly listOf("text", "text", "text")
        }
    }

    test("a change's id is its list's own: the same id in another list is another change") {
        withEngine { engine, _ ->
            engine.post(batch("a", "one"))

            engine.post(batch("b", "one")).places shouldContainExactly listOf(Place("one", 1))
        }
    }

    test("what was stored is there when the file is opened again, and counting goes on") {
        val folder = tempdir().toPath()
        withEngine(folder) { engine, _ -> engine.post(batch("a", "one", "two")) }

        withEngine(folder) { engine, _ ->
            engine.cursor("a") shouldBe 2
            engine.post(batch("a", "two", "three")).places shouldContainExactly
                listOf(Place("two", 2), Place("three", 3))
        }
    }

    test("a file is one engine's at a time") {
        val file = tempdir().toPath().resolve("log")
        ChangeLog.open(file).use {
            val other = ProcessBuilder(otherProcess(file)).redirectErrorStream(true).start()
            try {
                other.inputStream.reader().readText().contains("already in use") shouldBe true
            } finally {
                other.destroyForcibly()
            }
        }
    }

    test("a long log comes in pages") {
        withEngine { engine, _ ->
            repeat(3) { page -> engine.post(batch("a", *Array(100) { "c$page-$it" })) }

            val first = engine.changes("a", 0)
            val second = engine.changes("a", first.cursor)

            first.more shouldBe true
            first.cursor shouldBe SyncEngine.PAGE
            second.more shouldBe false
            (first.changes + second.changes).map { it.sequence } shouldContainExactly (1L..300L).toList()
        }
    }

    test("who comes from further than the log reaches is refused, and what they send is not stored") {
        withEngine { engine, told ->
            engine.post(batch("a", "one"))
            told.clear()

            shouldThrow<AheadOfLogException> { engine.changes("a", 2) }.cursor shouldBe 1
            shouldThrow<AheadOfLogException> { engine.post(Batch("a", 2, listOf(edit("two")))) }

            engine.cursor("a") shouldBe 1
            told.shouldBeEmpty()
        }
    }

    test("of a batch that cannot be stored nothing is, and its numbers are given again") {
        withEngine { engine, _ ->
            val tooLong = edit("two", "x".repeat(2_001)) // for the table; over HTTP the rules are in front of it

            shouldThrow<java.sql.SQLException> { engine.post(Batch("a", 0, listOf(edit("one"), tooLong))) }

            engine.cursor("a") shouldBe 0
            engine.post(batch("a", "three")).places shouldContainExactly listOf(Place("three", 1))
        }
    }

    test("writers at the same time get places without gaps, and a reader never sees one before those below it") {
        withEngine { engine, _ ->
            coroutineScope {
                val reader =
                    async(Dispatchers.Default) {
                        var cursor = 0L
                        while (cursor < 200) {
                            val page = engine.changes("a", cursor)
                            page.changes.map { it.sequence } shouldContainExactly (cursor + 1..page.cursor).toList()
                            cursor = page.cursor
                        }
                    }
                repeat(8) { writer ->
                    launch(Dispatchers.Default) { repeat(25) { engine.post(batch("a", "w$writer-$it")) } }
                }
                reader.await()
            }
        }
    }

    test("the notifier is told after the commit: whoever is told of a cursor finds it") {
        val folder = tempdir().toPath()
        val log = ChangeLog.open(folder.resolve("log"))
        val found = CopyOnWriteArrayList<Boolean>()
        val engine = SyncEngine(log) { scope, cursor -> found += log.cursor(scope) >= cursor.toLong() }

        log.use { repeat(3) { engine.post(batch("a", "c$it")) } }

        found shouldContainExactly listOf(true, true, true)
    }

    test("what the notifier is told is the scope and how far it has come") {
        withEngine { engine, told ->
            engine.post(batch("a", "one", "two"))
            engine.post(batch("b", "one"))

            told shouldContainExactlyInAnyOrder listOf("a" to 2uL, "b" to 1uL)
        }
    }
})

private fun edit(id: String, text: String = "text") = Edit(id, "note-$id", text)

private fun batch(scope: String, vararg ids: String) = Batch(scope, 0, ids.map { edit(it) })

private suspend fun FunSpec.withEngine(
    folder: Path = tempdir().toPath(),
    block: suspend (SyncEngine, MutableList<Pair<String, ULong>>) -> Unit,
) {
    val told = CopyOnWriteArrayList<Pair<String, ULong>>()
    ChangeLog.open(folder.resolve("log")).use { log ->
        block(SyncEngine(log, SyncNotifier { scope, cursor -> told += scope to cursor }), told)
    }
}

/** H2's own shell, which wants the same database. */
private fun otherProcess(file: Path): List<String> {
    val url = "jdbc:h2:file:$file"
    val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
    val h2 = org.h2.Driver::class.java.protectionDomain.codeSource.location.path
    return listOf(java, "-cp", h2, "org.h2.tools.Shell", "-url", url, "-user", "sa", "-sql", "SELECT 1")
}
