package dev.live.samples.notifications

/**
 * One person's newest notices. In memory here; in a real application it is a table, and live carries what changes in it.
 *
 * Only accessed under the lock of [Inboxes].
 */
class Inbox {
    private val notices = ArrayDeque<Notice>()
    private var lastId = 0L

    val page: InboxPage get() = InboxPage(notices.toList())

    val unread: Unread get() = Unread(notices.count { !it.read })

    fun add(text: String, at: String): Notice {
        val notice = Notice(++lastId, text, at)
        notices.addLast(notice)
        if (notices.size > MAX_NOTICES) notices.removeFirst()
        return notice
    }

    /** Marks what is not read yet, and returns which those were. */
    fun markRead(ids: Set<Long>): List<Long> {
        val changed = notices.filter { it.id in ids && !it.read }.map { it.id }
        notices.replaceAll { if (it.id in changed) it.copy(read = true) else it }
        return changed
    }

    private companion object {
        const val MAX_NOTICES = 100
    }
}
