package dev.live.client.topic

import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/**
 * The room that messages of the application have while they wait to be sent: [messages] of them with [bytes] of payload in
 * all. One alone always has room. Any thread.
 */
internal class OutboxRoom(private val messages: Int, private val bytes: Int) {
    private data class Used(val messages: Int, val bytes: Long)

    private val used = MutableStateFlow(Used(0, 0))

    /** Held by whoever is next: without it, who comes later could pass one that waits. */
    private val line = Mutex()

    /** Waits for room for a payload of [size] bytes, in line. */
    suspend fun take(size: Int): Unit = line.withLock { used.first { takeIfThere(size) } }

    /** False if there is none now, or others wait for it. */
    fun tryTake(size: Int): Boolean = !line.isLocked && takeIfThere(size)

    fun giveBack(size: Int): Unit = used.update { Used(it.messages - 1, it.bytes - size) }

    private fun takeIfThere(size: Int): Boolean {
        while (true) {
            val now = used.value
            val more = Used(now.messages + 1, now.bytes + size)
            if (more.messages > messages || (more.messages > 1 && more.bytes > bytes)) return false
            if (used.compareAndSet(now, more)) return true
        }
    }
}
