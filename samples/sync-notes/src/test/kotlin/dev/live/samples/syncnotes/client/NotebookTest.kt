package dev.live.samples.syncnotes.client

import dev.live.samples.syncnotes.wire.Change
import dev.live.samples.syncnotes.wire.Edit
import dev.live.samples.syncnotes.wire.Page
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe

class NotebookTest : FunSpec({

    test("changes are applied in order: the last one of a note wins and keeps its position") {
        val notebook = Notebook(
            "a",
        ).applied(page(change(1, "n1", "milk"), change(2, "n2", "tea"), change(3, "n1", "oat milk")))

        notebook.shown.map { it.note.text } shouldContainExactly listOf("oat milk", "tea")
        notebook.cursor shouldBe 3
    }

    test("a deletion removes a note, and a later edit restores it at the end") {
        val deleted = Notebook("a").applied(page(change(1, "n1", "milk"), change(2, "n2", "tea"), deletion(3, "n1")))
        val back = deleted.applied(page(change(4, "n1", "more milk")))

        deleted.shown.map { it.note.text } shouldContainExactly listOf("tea")
        back.shown.map { it.note.text } shouldContainExactly listOf("tea", "more milk")
    }

    test("a pending edit is shown until its own change is pulled, also after changes of others") {
        val pulled = Notebook("a").applied(page(change(1, "n1", "milk")))
        val typed = pulled.edited(Edit("mine", "n1", "oat milk"))
        val meanwhile = typed.applied(page(change(2, "n1", "soy milk"), change(3, "n2", "tea")))
        val back = meanwhile.applied(page(change(4, "n1", "oat milk", id = "mine"), change(5, "n1", "rice milk")))

        typed.shown.map { it.note.text to it.isPending } shouldContainExactly listOf("oat milk" to true)
        meanwhile.shown.map { it.note.text to it.isPending } shouldContainExactly
            listOf("oat milk" to true, "tea" to false)
        back.shown.map { it.note.text to it.isPending } shouldContainExactly
            listOf("rice milk" to false, "tea" to false)
        back.pending.shouldBeEmpty()
    }

    test("a pending deletion hides the note") {
        val notebook = Notebook(
            "a",
        ).applied(page(change(1, "n1", "milk"))).edited(Edit("mine", "n1", "", deleted = true))

        notebook.shown.shouldBeEmpty()
        notebook.notes.size shouldBe 1
    }

    test("a repeated page changes nothing") {
        val page = page(change(1, "n1", "milk"), deletion(2, "n1"), change(3, "n2", "tea"))
        val once = Notebook("a").applied(page)

        once.applied(page) shouldBe once
    }

    test("a page with a missing change is rejected") {
        val failure =
            shouldThrow<IllegalStateException> { Notebook("a").applied(page(change(1, "n", "x"), change(3, "n", "y"))) }

        failure.message shouldBe "the server omitted change 2 of 'a'"
    }

    test("a reset discards the pulled changes and keeps pending edits") {
        val notebook = Notebook("a").applied(page(change(1, "n1", "milk"))).edited(Edit("mine", "n2", "tea"))

        notebook.reset() shouldBe Notebook("a", pending = notebook.pending)
    }
})

internal fun change(sequence: Long, note: String, text: String, id: String = "c$sequence") = Change(
    sequence,
    id,
    note,
    text,
)

private fun deletion(sequence: Long, note: String) = Change(sequence, "c$sequence", note, "", deleted = true)

internal fun page(vararg changes: Change) = Page(changes.toList(), changes.last().sequence, more = false)
