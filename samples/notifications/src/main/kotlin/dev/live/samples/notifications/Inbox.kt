package dev.live.samples.notifications

/**
 * The newest notices of one user. In memory here; a real application uses a database table, and live sends its changes.
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

    /** Marks notices as read. Returns the ids that were unread before. */
    fun markRead(ids: Set<Long>): List<Long> {
        val changed = notices.filter { it.id in ids && !it.read }.map { it.id }
        notices.replaceAll { if (it.id in changed) it.copy(read = true) else it }
        return changed
    }

    private companion object {
        const val MAX_NOTICES = 100
    }
}
