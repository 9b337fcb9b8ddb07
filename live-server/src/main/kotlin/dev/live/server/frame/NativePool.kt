package dev.live.server.frame

import java.util.concurrent.ArrayBlockingQueue

/**
 * Reuses objects that hold native memory, such as a `Deflater`, on any thread.
 *
 * As many objects exist as are in use at the same moment, plus at most [maxIdle]. Thread-locals would instead keep one
 * for each thread that has ever run a handler.
 *
 * @param end frees the native memory. Called once for each object that [create] has made
 */
internal class NativePool<T : Any>(
    maxIdle: Int,
    private val create: () -> T,
    private val end: (T) -> Unit,
) : AutoCloseable {
    private val idle = ArrayBlockingQueue<T>(maxIdle)

    @Volatile
    private var isClosed = false

    /**
     * Calls [block] with an object that no other caller uses at the same time. [block] must leave it as a new one would
     * be; if it throws, the object is not reused.
     */
    inline fun <R> use(block: (T) -> R): R {
        val item = take()
        var isReusable = false
        try {
            return block(item).also { isReusable = true }
        } finally {
            if (isReusable) release(item) else discard(item)
        }
    }

    private fun take(): T = idle.poll() ?: create()

    private fun release(item: T) {
        if (!idle.offer(item)) discard(item)
        if (isClosed) endIdle() // the pool was closed meanwhile
    }

    private fun discard(item: T): Unit = end(item)

    /** Ends the idle objects now, and the others after their use. The pool remains usable. */
    override fun close() {
        isClosed = true
        endIdle()
    }

    private fun endIdle() {
        while (true) end(idle.poll() ?: return)
    }
}
