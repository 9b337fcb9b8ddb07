package dev.live.samples.syncnotes.wire

/**
 * Validation of scopes and edits. Clients also validate before they store an edit, because a rejected edit would block
 * all later ones.
 *
 * Each function returns an error with a remedy, or null. Errors never contain the input, which can be private.
 */
object Rules {
    const val MAX_SCOPE = 100

    /** In UTF-8. Below the 251 bytes that live accepts, so that every valid list can be subscribed to. */
    const val MAX_SCOPE_BYTES = 250
    const val MAX_ID = 64
    const val MAX_AUTHOR = 40
    const val MAX_TEXT = 2_000
    const val MAX_BATCH = 100

    fun ofScope(scope: String): String? =
        when {
            scope.isBlank() -> "scope is empty; use a list name such as groceries"
            scope.length > MAX_SCOPE ->
                "scope has ${scope.length} characters, $MAX_SCOPE are allowed; use a shorter name"
            !scope.isReadable() || scope.any { it.isISOControl() } ->
                "scope has control characters or unpaired surrogates; remove them"
            scope.encodeToByteArray().size > MAX_SCOPE_BYTES ->
                "scope has ${scope.encodeToByteArray().size} bytes of UTF-8, $MAX_SCOPE_BYTES are allowed; " +
                    "use a shorter name"
            else -> null
        }

    fun ofEdits(edits: List<Edit>): String? {
        if (edits.isEmpty()) return "edits is empty; send 1 to $MAX_BATCH edits"
        if (edits.size > MAX_BATCH) return "edits has ${edits.size} edits, $MAX_BATCH are allowed; split the batch"
        for ((index, edit) in edits.withIndex()) ofEdit(edit)?.let { return "edits[$index].$it" }
        return null
    }

    fun ofEdit(edit: Edit): String? =
        when {
            !edit.changeId.isId() -> "changeId $ID_RULE"
            !edit.noteId.isId() -> "noteId $ID_RULE"
            else -> ofAuthor(edit.author) ?: ofText(edit)
        }

    private fun ofText(edit: Edit): String? =
        when {
            edit.deleted && edit.text.isNotEmpty() -> "text must be empty if deleted is true; omit it"
            !edit.deleted && edit.text.isBlank() -> "text is empty; to delete the note, send deleted: true"
            edit.text.length > MAX_TEXT ->
                "text has ${edit.text.length} characters, $MAX_TEXT are allowed; split the note"
            !edit.text.isReadable() -> "text has control characters or unpaired surrogates; remove them"
            else -> null
        }

    fun ofAuthor(author: String): String? =
        when {
            author.length > MAX_AUTHOR ->
                "author has ${author.length} characters, $MAX_AUTHOR are allowed; use a shorter name"
            !author.isReadable() -> "author has control characters or unpaired surrogates; remove them"
            else -> null
        }

    private fun String.isId() =
        length in 1..MAX_ID && all { it in 'a'..'z' || it in 'A'..'Z' || it in '0'..'9' || it in "-_" }

    private fun String.isReadable(): Boolean {
        var i = 0
        while (i < length) {
            val c = this[i]
            when {
                c.isISOControl() && c != '\n' && c != '\t' -> return false
                c.isLowSurrogate() -> return false
                c.isHighSurrogate() -> if (i + 1 < length && this[i + 1].isLowSurrogate()) i++ else return false
            }
            i++
        }
        return true
    }

    private const val ID_RULE = "must be 1 to $MAX_ID letters, digits, - or _; use a random id such as a UUID"
}
