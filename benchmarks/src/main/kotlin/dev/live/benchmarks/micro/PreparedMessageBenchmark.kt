package dev.live.benchmarks.micro

import dev.live.protocol.Message
import dev.live.server.dialect.DialectTable
import dev.live.server.topic.PreparedMessage
import org.openjdk.jmh.annotations.Benchmark
import org.openjdk.jmh.annotations.Scope
import org.openjdk.jmh.annotations.State

/** The cost of the first subscriber of a message, which encodes it, and of every further subscriber. */
@State(Scope.Benchmark)
open class PreparedMessageBenchmark {
    private val codecs = DialectTable(BenchmarkMessages.codecs())
    private val message: Message = BenchmarkMessages.message()
    private val encoded = PreparedMessage(message, codecs)

    @Benchmark
    fun first(): Any = PreparedMessage(message, codecs).frameFor(0)

    @Benchmark
    fun another(): Any = encoded.frameFor(0)
}
