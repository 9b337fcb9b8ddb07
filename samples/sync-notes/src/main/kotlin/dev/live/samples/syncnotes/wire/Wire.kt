package dev.live.samples.syncnotes.wire

import kotlinx.serialization.Serializable

/**
 * An edit of one note. It contains the whole note: the last edit in the log wins.
 *
 * @property changeId created with the edit, and unchanged when it is sent again
 */
@Serializable
data class Edit(
    val changeId: String,
    val noteId: String,
    val text: String,
    val deleted: Boolean = false,
    val author: String = "",
)

/** An [Edit] in the log of a list. @property sequence its number in the log: 1, 2, 3, without gaps */
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
 * The changes of a list after a cursor, in order.
 *
 * @property cursor the sequence of the last change, or the requested cursor if there is none
 * @property more whether there may be more changes after [cursor]
 */
@Serializable
data class Page(val changes: List<Change>, val cursor: Long, val more: Boolean)

/** A post of a client. @property since the cursor of the client, so that a server with an older log can reject it */
@Serializable
data class Batch(val scope: String, val since: Long, val edits: List<Edit>)

/** An edit that is in the log, with its sequence. */
@Serializable
data class StoredEdit(val changeId: String, val sequence: Long)

/** The response to a [Batch], in its order. @property cursor the current cursor of the list */
@Serializable
data class Posted(val edits: List<StoredEdit>, val cursor: Long)

/** An error response: a code for programs, and a reason with a remedy for people. */
@Serializable
data class Problem(val error: String, val reason: String) {
    companion object {
        const val BAD_REQUEST = "bad_request"
        const val TOO_LARGE = "too_large"

        /** The client's cursor is after the end of the log: the log is older, and the client starts over. */
        const val AHEAD_OF_LOG = "ahead_of_log"
    }
}
