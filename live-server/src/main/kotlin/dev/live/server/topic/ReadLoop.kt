package dev.live.server.topic

/**
 * What a thread is in the middle of, if that is reading from many sockets: it may have read the next message for a
 * topic already, and both can then be delivered in one go.
 */
internal fun interface ReadLoop {
    /** Runs [task] on this thread, soon: when what it has read has been handled. */
    fun afterwards(task: Runnable)

    companion object {
        private val turns = ThreadLocal<ReadLoop?>()

        /** That of the calling thread, or null if it is not one that reads from sockets. */
        val current: ReadLoop? get() = turns.get()

        /** The calling thread reads from sockets, for as long as it lives. */
        fun begin(turn: ReadLoop): Unit = turns.set(turn)
    }
}
