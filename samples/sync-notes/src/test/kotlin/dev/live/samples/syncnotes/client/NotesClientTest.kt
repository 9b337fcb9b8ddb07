package dev.live.samples.syncnotes.client

import dev.live.samples.syncnotes.syncNotes
import dev.live.samples.syncnotes.wire.Batch
import dev.live.samples.syncnotes.wire.Edit
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.engine.spec.tempdir
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import java.nio.file.Path
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.minutes

/** Uses real sockets. */
class NotesClientTest : FunSpec({

    test("it sends edits made before it was online, and is offline after a cancellation") {
        val folder = tempdir().toPath()
        withServer(folder.resolve("server")) { server ->
            NoteStore.open(folder.resolve("notes.json"), "a").use { store ->
                val reported = CopyOnWriteArrayList<String>()
                val client = NotesClient(server.url(), store) { reported += it.text }
                client.edit(Edit("c1", "n1", "milk"))
                client.status.value shouldBe Status(SyncPhase.Offline)

                coroutineScope {
                    val running = launch { client.run() }
                    store.awaitNotebook { it.cursor == 1L && it.pending.isEmpty() }
                    client.awaitPhase(SyncPhase.Live)
                    running.cancelAndJoin()
                }

                client.status.value shouldBe Status(SyncPhase.Offline)
                reported.shouldBeEmpty() // no notification of its own edits
            }
        }
    }

    test("two clients receive each other's notes, over several pages") {
        val folder = tempdir().toPath()
        withServer(folder.resolve("server")) { server ->
            NoteStore.open(folder.resolve("ann.json"), "a").use { ofAnn ->
                NoteStore.open(folder.resolve("bob.json"), "a").use { ofBob ->
                    val ann = NotesClient(server.url(), ofAnn) {}
                    val bob = NotesClient(server.url(), ofBob) {}
                    ofAnn.update { notebook ->
                        notebook.copy(pending = List(450) { Edit("c$it", "n$it", "note $it") })
                    }

                    coroutineScope {
                        val running = listOf(launch { ann.run() }, launch { bob.run() })
                        ofBob.awaitNotebook { it.cursor == 450L }
                        bob.edit(Edit("of-bob", "n0", "by bob"))
                        // ann can receive bob's edit before bob has pulled it
                        for (store in listOf(ofAnn, ofBob)) {
                            store.awaitNotebook { it.cursor == 451L && it.notes.first().text == "by bob" }
                        }
                        running.forEach { it.cancelAndJoin() }
                    }

                    ofAnn.notebook.value.notes shouldContainExactly ofBob.notebook.value.notes
                }
            }
        }
    }

    test("it reloads an older log and keeps its pending edits") {
        val folder = tempdir().toPath()
        NoteStore.open(folder.resolve("notes.json"), "a").use { store ->
            coroutineScope {
                val (client, port) =
                    withServer(folder.resolve("first")) { server ->
                        val client = NotesClient(server.url(), store) {}
                        launch { client.run() }
                        for (number in 1..3) client.edit(Edit("before-$number", "n$number", "before $number"))
                        store.awaitNotebook { it.cursor == 3L && it.pending.isEmpty() }
                        client to server.port()
                    }
                client.awaitPhase(SyncPhase.Offline)
                for (number in 1..5) client.edit(Edit("added-$number", "m$number", "added $number"))

                withServer(folder.resolve("second"), port) {
                    store.awaitNotebook { it.cursor == 5L && it.pending.isEmpty() }
                    client.awaitPhase(SyncPhase.Live)
                }

                store.notebook.value.notes.map { it.text } shouldContainExactly List(5) { "added ${it + 1}" }
                coroutineContext.cancelChildren()
            }
        }
    }

    test("reloaded changes of a restored server are not reported, and later ones are") {
        val folder = tempdir().toPath()
        val reported = MutableStateFlow(emptyList<String>())
        val own = Edit("own", "n1", "own")
        val others = listOf(Edit("other", "n2", "other"), Edit("lost", "n3", "lost"))
        withServer(folder.resolve("restored")) { server -> server.post(own, others.first()) }
        NoteStore.open(folder.resolve("notes.json"), "a").use { store ->
            coroutineScope {
                val (client, port) =
                    withServer(folder.resolve("first")) { server ->
                        val client = NotesClient(server.url(), store) { change -> reported.update { it + change.text } }
                        client.edit(own)
                        launch { client.run() }
                        store.awaitNotebook { it.cursor == 1L }
                        server.post(*others.toTypedArray())
                        withTimeout(1.minutes) { reported.first { it == listOf("other", "lost") } }
                        client to server.port()
                    }
                client.awaitPhase(SyncPhase.Offline)
                client.edit(Edit("added-0", "n5", "added"))

                withServer(folder.resolve("restored"), port) { server ->
                    store.awaitNotebook { it.cursor == 3L && it.pending.isEmpty() }
                    server.post(Edit("later", "n4", "later"))
                    withTimeout(1.minutes) { reported.first { "later" in it } }
                }

                reported.value shouldContainExactly listOf("other", "lost", "later")
                coroutineContext.cancelChildren()
            }
        }
    }

    test("an invalid edit is not stored") {
        NoteStore.open(tempdir().toPath().resolve("notes.json"), "a").use { store ->
            val client = NotesClient("http://localhost:1", store) {}

            val rejection = shouldThrow<IllegalArgumentException> { client.edit(Edit("c1", "n1", "x".repeat(2_001))) }

            rejection.message shouldBe "text has 2001 characters, 2000 are allowed; split the note"
            store.notebook.value.pending.shouldBeEmpty()
        }
    }
})

private suspend fun NoteStore.awaitNotebook(condition: (Notebook) -> Boolean) {
    withTimeout(1.minutes) { notebook.first(condition) }
}

private suspend fun NotesClient.awaitPhase(phase: SyncPhase) {
    withTimeout(1.minutes) { status.first { it.phase == phase } }
}

private suspend fun <T> withServer(file: Path, port: Int = 0, block: suspend (EmbeddedServer<*, *>) -> T): T {
    val server = embeddedServer(Netty, port = port, host = "127.0.0.1") { syncNotes(file) }.start(wait = false)
    try {
        return block(server)
    } finally {
        server.stop(gracePeriodMillis = 0, timeoutMillis = 1_000)
    }
}

/** Posts edits of another client. */
private suspend fun EmbeddedServer<*, *>.post(vararg edits: Edit) {
    ChangesClient(url()).use { it.post(Batch("a", since = 0, edits.asList())) }
}

private suspend fun EmbeddedServer<*, *>.port(): Int = engine.resolvedConnectors().single().port

private suspend fun EmbeddedServer<*, *>.url(): String = "http://127.0.0.1:${port()}"
