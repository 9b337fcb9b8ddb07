package dev.live.samples.notifications

import dev.live.server.LiveServer
import dev.live.server.topic.publish
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlin.time.Clock

/** The inboxes of [users]. Publishes each change to all devices of the user. */
class Inboxes(private val live: LiveServer, users: Collection<String>) {
    private val inboxes = users.associateWith { Inbox() }

    // keeps publications in the order of the changes: otherwise an old count could be the last one
    private val lock = Mutex()

    operator fun contains(user: String): Boolean = user in inboxes

    suspend fun page(user: String): InboxPage = lock.withLock { inboxes.getValue(user).page }

    suspend fun notify(user: String, text: String): Unit =
        change(user) { inbox -> Change(added = inbox.add(text, Clock.System.now().toString())) }

    suspend fun markRead(user: String, ids: Collection<Long>): Unit =
        change(user) { inbox -> Change(read = inbox.markRead(ids.toSet())) }

    /** Publishes the unread count again. Duplicates are harmless. */
    suspend fun publishUnread(user: String): Unit =
        lock.withLock { live.topic("unread/$user").publish(inboxes.getValue(user).unread) }

    private suspend fun change(user: String, block: (Inbox) -> Change): Unit =
        lock.withLock {
            val inbox = inboxes.getValue(user)
            val change = block(inbox)
            if (change == Change()) return
            live.topic("notices/$user").publish(change)
            live.topic("unread/$user").publish(inbox.unread)
        }
}
