package dev.live.server.support

import dev.live.server.topic.PreparedMessage
import dev.live.server.topic.Subscriber
import java.util.concurrent.CopyOnWriteArrayList

/** A subscriber that remembers what it took; [full], it takes nothing, and [broken], it throws. */
internal class FakeSubscriber(session: String = "s") : Subscriber(session) {
    @Volatile
    var full = false

    @Volatile
    var broken = false

    private val taken = CopyOnWriteArrayList<String>()

    override fun offer(message: PreparedMessage): Boolean {
        check(!broken) { "the subscriber is broken" }
        if (!full) taken += message.message.word()
        return !full
    }

    fun words(): List<String> = taken.toList()
}
