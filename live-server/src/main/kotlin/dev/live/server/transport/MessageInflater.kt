package dev.live.server.transport

import dev.live.protocol.CloseCode
import dev.live.server.frame.NativePool
import java.util.zip.DataFormatException
import java.util.zip.Inflater

/**
 * Inflates messages that a client has compressed by permessage-deflate without context takeover. Thread-safe.
 *
 * The result takes at most twice the memory of the message or of its inflated bytes, and never more than [maxSize],
 * whatever the message would inflate to.
 */
internal class MessageInflater(private val inflaters: NativePool<Inflater>, private val maxSize: Int) {
    /**
     * Returns the inflated [message].
     *
     * @throws SocketViolation if it is invalid, incomplete, or larger than [maxSize] bytes after it was inflated
     */
    fun inflate(message: ByteArray): ByteArray {
        if (message.isEmpty()) return message // some clients send an empty message like this
        return inflaters.use { inflater ->
            try {
                Inflation(inflater, message).run().also { inflater.reset() }
            } catch (_: DataFormatException) {
                invalid()
            }
        }
    }

    private inner class Inflation(private val inflater: Inflater, private val message: ByteArray) {
        private var result = ByteArray(maxOf(message.size * 2L, MIN_CAPACITY).coerceAtMost(maxSize.toLong()).toInt())
        private var size = 0
        private var hasRestarted = false

        /** Whether all of [message] was read, and its end follows. */
        private var isAtEnd = false

        fun run(): ByteArray {
            inflater.setInput(message)
            while (true) {
                val count = inflateMore()
                when {
                    inflater.finished() -> if (isComplete()) break
                    count > 0 -> continue
                    !inflater.needsInput() || isAtEnd -> invalid()
                    else -> {
                        isAtEnd = true
                        inflater.setInput(END)
                    }
                }
            }
            return if (result.size == size) result else result.copyOf(size)
        }

        private fun inflateMore(): Int {
            if (size == maxSize) {
                if (inflater.inflate(ByteArray(1)) > 0) tooLarge()
                return 0
            }
            if (size == result.size) result = result.copyOf((size * 2L).coerceAtMost(maxSize.toLong()).toInt())
            return inflater.inflate(result, size, result.size - size).also { size += it }
        }

        /**
         * The last block has ended: that of [END], if the message is complete. A client may also end its message with a
         * last block and one byte more (RFC 7692, section 7.2.3.5). Once is enough for this, and limits the work.
         */
        private fun isComplete(): Boolean {
            val remaining = inflater.remaining
            if (isAtEnd) return remaining == 0 || invalid()
            if (remaining == 0) return true
            if (hasRestarted) invalid()
            hasRestarted = true
            inflater.reset()
            inflater.setInput(message, message.size - remaining, remaining)
            return false
        }
    }

    private fun tooLarge(): Nothing =
        throw SocketViolation(CloseCode.TooLarge, "a message must be at most $maxSize bytes after decompression")

    private fun invalid(): Nothing =
        throw SocketViolation(CloseCode.InvalidText, "a compressed message is invalid or incomplete")

    private companion object {
        /**
         * The end of the message, which clients omit (RFC 7692, section 7.2.2), and an empty last block. The inflater
         * reports the end of a last block, but not that a message ends inside of another block.
         */
        val END = byteArrayOf(0, 0, -1, -1, 1, 0, 0, -1, -1)

        const val MIN_CAPACITY = 128L
    }
}
