package dev.live.samples.syncnotes.client

import dev.live.samples.syncnotes.wire.Edit
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.engine.spec.tempdir
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldEndWith
import java.io.IOException
import kotlin.io.path.createDirectory
import kotlin.io.path.deleteExisting
import kotlin.io.path.writeText

class NoteStoreTest : FunSpec({

    test("notes, cursor and pending edits are restored from the file") {
        val file = tempdir().toPath().resolve("folder/notes.json")
        val kept = NoteStore.open(file, "a").use { store ->
            store.update { it.applied(page(change(1, "n1", "milk"))) }
            store.update { it.edited(Edit("mine", "n2", "tea", author = "ann")) }
            store.notebook.value
        }

        NoteStore.open(file, "a").use { store ->
            store.notebook.value shouldBe kept
            store.read() shouldBe 1uL
        }
    }

    test("a kill during a write leaves the previous file") {
        val file = tempdir().toPath().resolve("notes.json")
        NoteStore.open(file, "a").use { store -> store.update { it.edited(Edit("one", "n1", "milk")) } }
        file.resolveSibling("notes.json.next").writeText("""{"list":"a","cur""")

        NoteStore.open(file, "a").use { store ->
            store.notebook.value.pending.single().text shouldBe "milk"
            store.update { it.edited(Edit("two", "n2", "tea")) }
        }

        NoteStore.open(file, "a").use { it.notebook.value.pending.size shouldBe 2 }
    }

    test("a failed write does not change the notebook") {
        val file = tempdir().toPath().resolve("notes.json")
        NoteStore.open(file, "a").use { store ->
            val inTheWay = file.resolveSibling("notes.json.next").createDirectory()

            shouldThrow<IOException> { store.update { it.edited(Edit("one", "n1", "milk")) } }

            store.notebook.value shouldBe Notebook("a")
            inTheWay.deleteExisting()
        }
    }

    test("a file is locked by one client until it is closed") {
        val file = tempdir().toPath().resolve("notes.json")
        NoteStore.open(file, "a").use {
            shouldThrow<IOException> { NoteStore.open(file, "a") }.message shouldEndWith
                "is in use by another client; use one file per client"
        }

        NoteStore.open(file, "a").close()
    }

    test("a file of another list and an invalid file are rejected and not changed") {
        val file = tempdir().toPath().resolve("notes.json")
        NoteStore.open(file, "a").use { store -> store.update { it.edited(Edit("one", "n1", "milk")) } }

        shouldThrow<IOException> { NoteStore.open(file, "b") }.message shouldContain "contains the list 'a', not 'b'"
        file.writeText("no notes")
        shouldThrow<IOException> { NoteStore.open(file, "a") }.message shouldContain
            "move it away to start with an empty one"
    }
})
