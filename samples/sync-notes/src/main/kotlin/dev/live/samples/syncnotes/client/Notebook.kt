package dev.live.samples.syncnotes.client

import dev.live.samples.syncnotes.wire.Edit
import dev.live.samples.syncnotes.wire.Page
import kotlinx.serialization.Serializable

/** A note according to the log. */
@Serializable
data class Note(val id: String, val text: String, val author: String)

/** A displayed note. @property isPending whether it has an edit that the client has not sent, or not pulled yet */
data class ShownNote(val note: Note, val isPending: Boolean)

/**
 * The state of one list on a client: the notes as of [cursor], and the pending edits in their order of entry. An edit
 * is pending until its own change is pulled. Immutable, so that a store writes it as a whole.
 */
@Serializable
data class Notebook(
    val list: String,
    val cursor: Long = 0,
    val notes: List<Note> = emptyList(),
    val pending: List<Edit> = emptyList(),
) {
    /** The notes with the [pending] edits applied. */
    val shown: List<ShownNote>
        get() {
            val shown = notes.associateByTo(LinkedHashMap(), { it.id }, { ShownNote(it, isPending = false) })
            for (edit in pending) {
                if (edit.deleted) {
                    shown -= edit.noteId
                } else {
                    shown[edit.noteId] = ShownNote(Note(edit.noteId, edit.text, edit.author), isPending = true)
                }
            }
            return shown.values.toList()
        }

    /** Adds [edit] to the pending ones. */
    fun edited(edit: Edit): Notebook = copy(pending = pending + edit)

    /**
     * Applies the changes and the cursor of [page], and removes pending edits that it contains. Skips known changes.
     *
     * @throws IllegalStateException if a change before the page is missing
     */
    fun applied(page: Page): Notebook {
        val known = notes.associateByTo(LinkedHashMap()) { it.id }
        var reached = cursor
        for (change in page.changes) {
            if (change.sequence <= reached) continue
            check(change.sequence == reached + 1) { "the server omitted change ${reached + 1} of '$list'" }
            reached = change.sequence
            if (change.deleted) {
                known -= change.noteId
            } else {
                known[change.noteId] = Note(change.noteId, change.text, change.author) // keeps its position
            }
        }
        val back = page.changes.mapTo(HashSet()) { it.changeId }
        return copy(cursor = reached, notes = known.values.toList(), pending = pending.filter { it.changeId !in back })
    }

    /** Resets cursor and notes, and keeps the pending edits. For a server with a different log. */
    fun reset(): Notebook = copy(cursor = 0, notes = emptyList())
}
