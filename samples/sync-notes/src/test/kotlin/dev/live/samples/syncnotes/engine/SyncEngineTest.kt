package dev.live.samples.syncnotes.engine

import dev.live.samples.syncnotes.wire.Batch
import dev.live.samples.syncnotes.wire.Edit
import dev.live.samples.syncnotes.wire.StoredEdit
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

    test("the log of each list counts from 1 independently") {
        withEngine { engine, _ ->
            engine.post(batch("a", "one", "two")).edits.map { it.sequence } shouldContainExactly listOf(1L, 2L)
            engine.post(batch("b", "three")).cursor shouldBe 1

            engine.changes("a", 0).changes.map { it.changeId } shouldContainExactly listOf("one", "two")
            engine.changes("a", 1).changes.map { it.changeId } shouldContainExactly listOf("two")
            engine.changes("a", 2).changes.shouldBeEmpty()
            engine.cursor("never written") shouldBe 0
        }
    }

    test("a repeated post is stored once, unchanged, and returns its sequence") {
        withEngine { engine, _ ->
            engine.post(batch("a", "one", "two"))

            val again = engine.post(Batch("a", 0, listOf(edit("two", "another text"), edit("three"), edit("three"))))

            again.edits shouldContainExactly
                listOf(StoredEdit("two", 2), StoredEdit("three", 3), StoredEdit("three", 3))
            again.cursor shouldBe 3
            engine.changes("a", 0).changes.map { it.text } shouldContainExactly listOf("text", "text", "text")
        }
    }

    test("change ids are unique per list only") {
        withEngine { engine, _ ->
            engine.post(batch("a", "one"))

            engine.post(batch("b", "one")).edits shouldContainExactly listOf(StoredEdit("one", 1))
        }
    }

    test("the log is restored from the file, and sequences continue") {
        val folder = tempdir().toPath()
        withEngine(folder) { engine, _ -> engine.post(batch("a", "one", "two")) }

        withEngine(folder) { engine, _ ->
            engine.cursor("a") shouldBe 2
            engine.post(batch("a", "two", "three")).edits shouldContainExactly
                listOf(StoredEdit("two", 2), StoredEdit("three", 3))
        }
    }

    test("a file is locked by one engine") {
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

    test("a long log is returned in pages") {
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

    test("a cursor after the end of the log is rejected, and the batch is not stored") {
        withEngine { engine, notified ->
            engine.post(batch("a", "one"))
            notified.clear()

            shouldThrow<AheadOfLogException> { engine.changes("a", 2) }.cursor shouldBe 1
            shouldThrow<AheadOfLogException> { engine.post(Batch("a", 2, listOf(edit("two")))) }

            engine.cursor("a") shouldBe 1
            notified.shouldBeEmpty()
        }
    }

    test("a failed batch stores nothing and releases its sequences") {
        withEngine { engine, _ ->
            val tooLong = edit("two", "x".repeat(2_001)) // for the table; over HTTP the rules reject it first

            shouldThrow<java.sql.SQLException> { engine.post(Batch("a", 0, listOf(edit("one"), tooLong))) }

            engine.cursor("a") shouldBe 0
            engine.post(batch("a", "three")).edits shouldContainExactly listOf(StoredEdit("three", 1))
        }
    }

    test("concurrent writers get sequences without gaps, and readers see them in order") {
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

    test("the notifier is called after the commit") {
        val folder = tempdir().toPath()
        val log = ChangeLog.open(folder.resolve("log"))
        val found = CopyOnWriteArrayList<Boolean>()
        val engine = SyncEngine(log) { scope, cursor -> found += log.cursor(scope) >= cursor.toLong() }

        log.use { repeat(3) { engine.post(batch("a", "c$it")) } }

        found shouldContainExactly listOf(true, true, true)
    }

    test("the notifier receives the scope and its cursor") {
        withEngine { engine, notified ->
            engine.post(batch("a", "one", "two"))
            engine.post(batch("b", "one"))

            notified shouldContainExactlyInAnyOrder listOf("a" to 2uL, "b" to 1uL)
        }
    }
})

private fun edit(id: String, text: String = "text") = Edit(id, "note-$id", text)

private fun batch(scope: String, vararg ids: String) = Batch(scope, 0, ids.map { edit(it) })

private suspend fun FunSpec.withEngine(
    folder: Path = tempdir().toPath(),
    block: suspend (SyncEngine, MutableList<Pair<String, ULong>>) -> Unit,
) {
    val notified = CopyOnWriteArrayList<Pair<String, ULong>>()
    ChangeLog.open(folder.resolve("log")).use { log ->
        block(SyncEngine(log, SyncNotifier { scope, cursor -> notified += scope to cursor }), notified)
    }
}

/** Starts H2's shell on the same database. */
private fun otherProcess(file: Path): List<String> {
    val url = "jdbc:h2:file:$file"
    val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
    val h2 = org.h2.Driver::class.java.protectionDomain.codeSource.location.path
    return listOf(java, "-cp", h2, "org.h2.tools.Shell", "-url", url, "-user", "sa", "-sql", "SELECT 1")
}
