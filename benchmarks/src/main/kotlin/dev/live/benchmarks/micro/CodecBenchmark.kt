package dev.live.benchmarks.micro

import dev.live.protocol.Codec
import dev.live.protocol.Message
import org.openjdk.jmh.annotations.Benchmark
import org.openjdk.jmh.annotations.Param
import org.openjdk.jmh.annotations.Scope
import org.openjdk.jmh.annotations.Setup
import org.openjdk.jmh.annotations.State

/**
 * Encodes and decodes a message of 128 bytes. A server does this once per publish and codec, for any number of
 * subscribers.
 */
@State(Scope.Benchmark)
open class CodecBenchmark {
    @Param("json", "cbor", "msgpack")
    lateinit var codecName: String

    private lateinit var codec: Codec
    private lateinit var message: Message
    private lateinit var bytes: ByteArray

    @Setup
    fun setUp() {
        codec = BenchmarkMessages.codecs().first { it.subprotocol.endsWith(codecName) }
        message = BenchmarkMessages.message()
        bytes = codec.encode(message)
    }

    @Benchmark
    fun encode(): ByteArray = codec.encode(message)

    @Benchmark
    fun decode(): Message = codec.decode(bytes)
}
