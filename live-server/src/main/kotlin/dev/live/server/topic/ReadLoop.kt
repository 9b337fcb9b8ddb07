package dev.live.server.topic

/**
 * The loop of a thread that reads from many sockets. It may already have read the next message for a topic, so that
 * both can be delivered in one batch.
 */
internal fun interface ReadLoop {
    /** Runs [task] on this thread after the current read has been processed. */
    fun runAfterRead(task: Runnable)

    companion object {
        private val loops = ThreadLocal<ReadLoop?>()

        /** The loop of the calling thread, or null if the thread does not read from sockets. */
        val current: ReadLoop? get() = loops.get()

        /** Marks the calling thread as one that reads from sockets, for its lifetime. */
        fun register(loop: ReadLoop): Unit = loops.set(loop)
    }
}
