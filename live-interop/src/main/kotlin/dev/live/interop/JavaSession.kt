package dev.live.interop

import java.net.URI
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit

/** One session. The library reports its events here. */
internal abstract class JavaSession : AutoCloseable {
    private val lines = LinkedBlockingQueue<String>()
    private val unsent = LinkedBlockingQueue<String>()

    fun run(url: String, subprotocol: String, frames: List<String>): List<String> =
        use {
            unsent += frames
            try {
                connect(URI(url), subprotocol)
            } catch (e: Exception) {
                lines += "failed $e"
            }
            val happened = mutableListOf<String>()
            while (happened.lastOrNull()?.substringBefore(' ') !in ENDS) {
                happened += lines.poll(1, TimeUnit.MINUTES) ?: "failed hangs"
            }
            happened
        }

    /** Starts to connect. Events are reported asynchronously. */
    abstract fun connect(uri: URI, subprotocol: String)

    abstract fun text(text: String)

    abstract fun binary(bytes: ByteArray)

    abstract fun end(code: Int)

    override fun close() = Unit

    fun opened(subprotocol: String?) {
        lines += "open ${subprotocol.orEmpty().ifEmpty { "-" }}"
        next()
    }

    fun received(text: String) {
        lines += "t ${text.encodeToByteArray().hex()}"
        next()
    }

    fun received(bytes: ByteArray) {
        lines += "b ${bytes.hex()}"
        next()
    }

    fun closed(code: Int) {
        lines += "closed $code"
    }

    fun failed(problem: Throwable) {
        lines += "failed $problem"
    }

    fun refused(status: Int) {
        lines += "refused $status"
    }

    private fun next() {
        val frame = unsent.poll() ?: return
        val value = frame.substring(2)
        when (frame.first()) {
            't' -> text(value.unhex().decodeToString())
            'b' -> binary(value.unhex())
            else -> end(value.toInt())
        }
    }

    private companion object {
        val ENDS = setOf("closed", "refused", "failed")
    }
}
