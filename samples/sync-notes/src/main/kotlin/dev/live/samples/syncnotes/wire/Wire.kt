package dev.live.samples.syncnotes.wire

import kotlinx.serialization.Serializable

/**
 * What somebody did to one note. The whole note: the last edit in the log is what the note is.
 *
 * @property changeId made when it was typed, and the same whenever it is sent again
 */
@Serializable
data class Edit(
    val changeId: String,
    val noteId: String,
    val text: String,
    val deleted: Boolean = false,
    val author: String = "",
)

/** An [Edit] in a list's log. @property sequence its place there: 1, 2, 3, without gaps */
@Serializable
data class Change(
    val sequence: Long,
    val changeId: String,
    val noteId: String,
    val text: String,
    val deleted: Boolean = false,
    val author: String = "",
)

/**
 * What came in a list after a cursor, in order.
 *
 * @property cursor the last change's sequence, or where the client was if there is none
 * @property more whether there may be more after [cursor]
 */
@Serializable
data class Page(val changes: List<Change>, val cursor: Long, val more: Boolean)

/** What a client sends. @property since how far it has come, so that a server that is not that far can say so */
@Serializable
data class Batch(val scope: String, val since: Long, val edits: List<Edit>)

/** Where an edit stands in the log. */
@Serializable
data class Place(val changeId: String, val sequence: Long)

/** The answer to a [Batch], in its order. @property cursor where the list stands now */
@Serializable
data class Posted(val places: List<Place>, val cursor: Long)

/** Why something was refused: a word for programs, and what was wrong and the way out for people. */
@Serializable
data class Problem(val error: String, val reason: String) {
    companion object {
        const val BAD_REQUEST = "bad_request"
        const val TOO_LARGE = "too_large"

        /** The client has come further than the log: the server has an older copy, and the client begins anew. */
        const val AHEAD_OF_LOG = "ahead_of_log"
    }
}
