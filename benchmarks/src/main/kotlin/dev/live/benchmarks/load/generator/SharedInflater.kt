package dev.live.benchmarks.load.generator

import java.util.Arrays
import java.util.zip.Inflater

/**
 * Inflates the compressed frames of a server. The clients of a topic receive the same bytes, so each different frame is
 * inflated once. Otherwise the generator would be the limit of a fan-out.
 */
internal class SharedInflater {
    private val inflater = Inflater(true)
    private val frames = Array(RECENT) { ByteArray(0) }
    private val messages = Array(RECENT) { ByteArray(0) }
    private var next = 0

    /** The message in the frame whose payload is between [from] and [to]. Shared: read-only. */
    fun inflate(bytes: ByteArray, from: Int, to: Int): ByteArray {
        for (i in frames.indices) {
            val frame = frames[i]
            if (Arrays.equals(frame, 0, frame.size, bytes, from, to)) return messages[i]
        }
        inflater.reset()
        inflater.setInput(bytes.copyOfRange(from, to) + END)
        val message = ByteArray(MAX_MESSAGE).let { it.copyOf(inflater.inflate(it)) }
        frames[next] = bytes.copyOfRange(from, to)
        messages[next] = message
        next = (next + 1) % RECENT
        return message
    }

    private companion object {
        /** More than the publishes in flight. */
        const val RECENT = 32
        const val MAX_MESSAGE = 1 shl 17
        val END = byteArrayOf(0, 0, -1, -1)
    }
}
