package dev.live.benchmarks.load.compression

import dev.live.benchmarks.load.generator.JsonContent
import dev.live.protocol.Body
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.server.dialect.DialectTable
import dev.live.server.frame.Compression
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.topic.PreparedMessage
import dev.live.server.transport.MessageInflater
import java.lang.management.ManagementFactory
import kotlin.random.Random

/** Messages with JSON of about [size] bytes, and the cost of sending and receiving them with compression. */
internal class CompressionSample(size: Int, val level: Int) {
    private val compression = Compression(minBytes = 1, level)
    private val dialects = DialectTable(listOf(JsonCodec), compressor = compression)
    private val inflater = MessageInflater(compression.inflaters, maxSize = 1 shl 20)
    private val messages =
        List(COUNT) { Message("message", "book/42", body = Body.json(JsonContent.of(size, Random(it), "$it"))) }
    private val frames = messages.map { OutboundFrame(TEXT, JsonCodec.encode(it)) }
    private val compressed = frames.map { payload(compression.compress(it)) }

    /** Average bytes of a frame without compression. */
    val plainBytes: Int = frames.sumOf { it.wire.size } / COUNT

    /** Average bytes of a frame with compression. */
    val compressedBytes: Int = frames.sumOf { compression.compress(it).wire.size } / COUNT

    /** CPU times per message, in nanoseconds. */
    class Times(val encode: Double, val compress: Double, val inflate: Double)

    /** Repeats each step for [seconds]. */
    fun measure(seconds: Double): Times =
        Times(
            encode = cpu(seconds) { PreparedMessage(messages[it], dialects).frameFor(0).size },
            compress = cpu(seconds) { compression.compress(frames[it]).size },
            inflate = cpu(seconds) { inflater.inflate(compressed[it]).size },
        )

    private inline fun cpu(seconds: Double, step: (Int) -> Int): Double {
        val end = System.nanoTime() + (seconds * 1e9).toLong()
        val start = threads.currentThreadCpuTime
        var count = 0L
        do {
            for (i in 0 until COUNT) sink += step(i)
            count += COUNT
        } while (System.nanoTime() < end)
        return (threads.currentThreadCpuTime - start).toDouble() / count
    }

    private fun payload(frame: OutboundFrame) = frame.wire.copyOfRange(frame.wire.size - frame.size, frame.wire.size)

    private companion object {
        const val COUNT = 64
        val TEXT = Opcode.Text
        val threads = ManagementFactory.getThreadMXBean()

        /** Keeps the results in use. */
        @Volatile
        var sink = 0
    }
}
