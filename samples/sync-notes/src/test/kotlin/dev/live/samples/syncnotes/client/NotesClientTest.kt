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

/** On real sockets. */
class NotesClientTest : FunSpec({

    test("it sends what was typed before it was online, and is offline again when it is cancelled") {
        val folder = tempdir().toPath()
        withServer(folder.resolve("server")) { server ->
            NoteStore.open(folder.resolve("notes.json"), "a").use { store ->
                val told = CopyOnWriteArrayList<String>()
                val client = NotesClient(server.url(), store) { told += it.text }
                client.edit(Edit("c1", "n1", "milk"))
                client.status.value shouldBe Status(Standing.Offline)

                coroutineScope {
                    val running = launch { client.run() }
                    store.awaits { it.cursor == 1L && it.pending.isEmpty() }
                    client.awaits(Standing.Live)
                    running.cancelAndJoin()
                }

                client.status.value shouldBe Status(Standing.Offline)
                told.shouldBeEmpty() // its own
            }
        }
    }

    test("two clients see each other's notes, more of them than a page has") {
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
                        ofBob.awaits { it.cursor == 450L }
                        bob.edit(Edit("of-bob", "n0", "by bob"))
                        // bob's push may be answered, and seen by ann, before he has pulled it himself
                        for (store in listOf(ofAnn, ofBob)) {
                            store.awaits { it.cursor == 451L && it.notes.first().text == "by bob" }
                        }
                        running.forEach { it.cancelAndJoin() }
                    }

                    ofAnn.notebook.value.notes shouldContainExactly ofBob.notebook.value.notes
                }
            }
        }
    }

    test("at a server that has an older copy it begins anew, and what it had still to send is there") {
        val folder = tempdir().toPath()
        NoteStore.open(folder.resolve("notes.json"), "a").use { store ->
            coroutineScope {
                val (client, port) =
                    withServer(folder.resolve("first")) { server ->
                        val client = NotesClient(server.url(), store) {}
                        launch { client.run() }
                        for (number in 1..3) client.edit(Edit("before-$number", "n$number", "before $number"))
                        store.awaits { it.cursor == 3L && it.pending.isEmpty() }
                        client to server.port()
                    }
                client.awaits(Standing.Offline)
                for (number in 1..5) client.edit(Edit("meanwhile-$number", "m$number", "meanwhile $number"))

                withServer(folder.resolve("second"), port) {
                    store.awaits { it.cursor == 5L && it.pending.isEmpty() }
                    client.awaits(Standing.Live)
                }

                store.notebook.value.notes.map { it.text } shouldContainExactly List(5) { "meanwhile ${it + 1}" }
                coroutineContext.cancelChildren()
            }
        }
    }

    test("what a restored server tells again is not announced, and what comes after it is") {
        val folder = tempdir().toPath()
        val told = MutableStateFlow(emptyList<String>())
        val own = Edit("own", "n1", "own")
        val others = listOf(Edit("other", "n2", "other"), Edit("lost", "n3", "lost"))
        withServer(folder.resolve("restored")) { server -> server.post(own, others.first()) }
        NoteStore.open(folder.resolve("notes.json"), "a").use { store ->
            coroutineScope {
                val (client, port) =
                    withServer(folder.resolve("first")) { server ->
                        val client = NotesClient(server.url(), store) { change -> told.update { it + change.text } }
                        client.edit(own)
                        launch { client.run() }
                        store.awaits { it.cursor == 1L }
                        server.post(*others.toTypedArray())
                        withTimeout(1.minutes) { told.first { it == listOf("other", "lost") } }
                        client to server.port()
                    }
                client.awaits(Standing.Offline)
                client.edit(Edit("meanwhile", "n5", "meanwhile"))

                withServer(folder.resolve("restored"), port) { server ->
                    store.awaits { it.cursor == 3L && it.pending.isEmpty() }
                    server.post(Edit("later", "n4", "later"))
                    withTimeout(1.minutes) { told.first { "later" in it } }
                }

                told.value shouldContainExactly listOf("other", "lost", "later")
                coroutineContext.cancelChildren()
            }
        }
    }

    test("an edit that the server would refuse is not kept") {
        NoteStore.open(tempdir().toPath().resolve("notes.json"), "a").use { store ->
            val client = NotesClient("http://localhost:1", store) {}

            val refusal = shouldThrow<IllegalArgumentException> { client.edit(Edit("c1", "n1", "x".repeat(2_001))) }

            refusal.message shouldBe "text has 2001 characters, 2000 are allowed; split the note"
            store.notebook.value.pending.shouldBeEmpty()
        }
    }
})

private suspend fun NoteStore.awaits(condition: (Notebook) -> Boolean) {
    withTimeout(1.minutes) { notebook.first(condition) }
}

private suspend fun NotesClient.awaits(standing: Standing) {
    withTimeout(1.minutes) { status.first { it.standing == standing } }
}

private suspend fun <T> withServer(file: Path, port: Int = 0, block: suspend (EmbeddedServer<*, *>) -> T): T {
    val server = embeddedServer(Netty, port = port, host = "127.0.0.1") { syncNotes(file) }.start(wait = false)
    try {
        return block(server)
    } finally {
        server.stop(gracePeriodMillis = 0, timeoutMillis = 1_000)
    }
}

/** Somebody else's edits of the list. */
private suspend fun EmbeddedServer<*, *>.post(vararg edits: Edit) {
    ChangesClient(url()).use { it.post(Batch("a", since = 0, edits.asList())) }
}

private suspend fun EmbeddedServer<*, *>.port(): Int = engine.resolvedConnectors().single().port

private suspend fun EmbeddedServer<*, *>.url(): String = "http://127.0.0.1:${port()}"
