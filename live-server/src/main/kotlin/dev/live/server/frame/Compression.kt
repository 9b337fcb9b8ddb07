package dev.live.server.frame

import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.util.concurrent.atomic.AtomicReference
import java.util.zip.Deflater
import java.util.zip.Inflater
import kotlin.time.ComparableTimeMark
import kotlin.time.Duration.Companion.minutes
import kotlin.time.TimeSource

/**
 * Compression of messages by permessage-deflate (RFC 7692) without context takeover: each message is compressed by
 * itself, so its compressed form is the same for all sessions, and a session holds no state of a compressor.
 *
 * @param minBytes payloads below this size are not compressed
 * @param level 1, the fastest, to 9, the smallest
 * @property deflaters a new one takes about 260 KB of native memory
 * @property inflaters a new one takes about 40 KB of native memory
 * @param time limits the reports of failures
 */
internal class Compression(
    private val minBytes: Int,
    level: Int,
    private val deflaters: NativePool<Deflater> = NativePool(MAX_IDLE, { Deflater(level, true) }, Deflater::end),
    val inflaters: NativePool<Inflater> = NativePool(MAX_IDLE, { Inflater(true) }, Inflater::end),
    private val time: TimeSource.WithComparableMarks = TimeSource.Monotonic,
) : FrameCompressor, AutoCloseable {
    /** When a failure was last logged; null before the first one. */
    private val lastReport = AtomicReference<ComparableTimeMark>()

    override fun compress(frame: OutboundFrame): OutboundFrame {
        val isMessage = frame.opcode == Opcode.Text || frame.opcode == Opcode.Binary
        if (!isMessage || frame.size < minBytes) return frame
        val compressed = ByteArray(frame.size) // if the result does not fit, it is not smaller
        val size =
            try {
                deflate(frame, compressed)
            } catch (e: Throwable) {
                // such as an OutOfMemoryError of zlib: no session must lose the message, and all accept it as it is
                report(e)
                return frame
            }
        return if (size == compressed.size) frame else OutboundFrame.compressed(frame.opcode, compressed, size - TAIL)
    }

    /** Returns the number of bytes in [result]. */
    private fun deflate(frame: OutboundFrame, result: ByteArray): Int =
        deflaters.use { deflater ->
            deflater.setInput(frame.wire, frame.wire.size - frame.size, frame.size)
            deflater.deflate(result, 0, result.size, Deflater.SYNC_FLUSH).also { deflater.reset() }
        }

    private fun report(failure: Throwable) {
        val last = lastReport.get()
        if (last != null && last.elapsedNow() < REPORT_PERIOD) return
        if (!lastReport.compareAndSet(last, time.markNow())) return // another thread has reported it
        log.error("Messages cannot be compressed. They are sent without compression.", failure)
    }

    /** Frees the native memory. Sessions that still run are not affected. */
    override fun close() {
        deflaters.close()
        inflaters.close()
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.frame")
        val REPORT_PERIOD = 1.minutes

        /** Bytes at the end of a flush that a sender omits (RFC 7692, section 7.2.1). */
        const val TAIL = 4

        /** Threads of this number can compress in turn without a new object. */
        val MAX_IDLE = Runtime.getRuntime().availableProcessors()
    }
}

/** Compresses frames for all sessions that have negotiated it. Thread-safe. */
internal fun interface FrameCompressor {
    /** Returns the single [frame] with its payload compressed, or [frame] itself if that is not worth it. */
    fun compress(frame: OutboundFrame): OutboundFrame
}
