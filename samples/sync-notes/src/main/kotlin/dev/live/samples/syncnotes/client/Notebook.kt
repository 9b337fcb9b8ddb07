package dev.live.samples.syncnotes.client

import dev.live.samples.syncnotes.wire.Edit
import dev.live.samples.syncnotes.wire.Page
import kotlinx.serialization.Serializable

/** A note as the log has it. */
@Serializable
data class Note(val id: String, val text: String, val author: String)

/** A note as it is shown. @property isPending whether what is shown is still to be sent, or to come back */
data class ShownNote(val note: Note, val isPending: Boolean)

/**
 * What a client keeps of one list: the notes as of [cursor], and the edits whose own change has not come back yet, in
 * the order in which they were typed. A value: whoever keeps it writes all of it at once.
 */
@Serializable
data class Notebook(
    val list: String,
    val cursor: Long = 0,
    val notes: List<Note> = emptyList(),
    val pending: List<Edit> = emptyList(),
) {
    /** The notes with [pending] on top. */
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

    /** With [edit] still to be sent. */
    fun edited(edit: Edit): Notebook = copy(pending = pending + edit)

    /**
     * With what [page] brought: its changes, its cursor, and without the edits that have come back. What is here already
     * is passed over.
     *
     * @throws IllegalStateException if a change is missing between here and there
     */
    fun applied(page: Page): Notebook {
        val known = notes.associateByTo(LinkedHashMap()) { it.id }
        var reached = cursor
        for (change in page.changes) {
            if (change.sequence <= reached) continue
            check(change.sequence == reached + 1) { "the server left out change ${reached + 1} of '$list'" }
            reached = change.sequence
            if (change.deleted) {
                known -= change.noteId
            } else {
                known[change.noteId] = Note(change.noteId, change.text, change.author) // in the place it has
            }
        }
        val back = page.changes.mapTo(HashSet()) { it.changeId }
        return copy(cursor = reached, notes = known.values.toList(), pending = pending.filter { it.changeId !in back })
    }

    /** As before the first pull, with the edits that are still to be sent: the server's log is another one now. */
    fun anew(): Notebook = copy(cursor = 0, notes = emptyList())
}
