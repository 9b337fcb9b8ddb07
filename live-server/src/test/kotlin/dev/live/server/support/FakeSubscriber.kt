package dev.live.server.support

import dev.live.server.topic.MessageBatch
import dev.live.server.topic.PreparedMessage
import dev.live.server.topic.Subscriber
import java.util.concurrent.CopyOnWriteArrayList

/**
 * A subscriber that remembers what it took; [full], it takes nothing, with a [failure] it throws that, and
 * with little [roomForRuns] it takes what comes only one by one.
 */
internal class FakeSubscriber(session: String = "s") : Subscriber(session) {
    @Volatile
    var full = false

    @Volatile
    var failure: Throwable? = null

    @Volatile
    var roomForRuns = Int.MAX_VALUE

    private val taken = CopyOnWriteArrayList<String>()

    /** How many messages each of the runs had that it took. */
    val runs: MutableList<Int> = CopyOnWriteArrayList()

    override fun offer(message: PreparedMessage): Boolean {
        failure?.let { throw it }
        if (!full) taken += message.message.word()
        return !full
    }

    override fun offer(run: MessageBatch): Boolean {
        failure?.let { throw it }
        run.frameFor(0) // as a queue does, which may fail
        if (full || run.messages.size > roomForRuns) return false
        runs += run.messages.size
        for (message in run.messages) taken += message.message.word()
        return true
    }

    fun words(): List<String> = taken.toList()
}
