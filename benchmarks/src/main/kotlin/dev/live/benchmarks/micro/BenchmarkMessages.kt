package dev.live.benchmarks.micro

import dev.live.protocol.Body
import dev.live.protocol.CborCodec
import dev.live.protocol.Codec
import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.MessagePackCodec
import dev.live.server.dialect.DialectTable
import dev.live.server.topic.PreparedMessage

/** The message of all microbenchmarks, with a payload of 128 bytes. */
internal object BenchmarkMessages {
    const val PAYLOAD = 128

    fun codecs(): List<Codec> = listOf(JsonCodec, CborCodec, MessagePackCodec)

    fun message(type: String = "message"): Message =
        Message(type, "room/42", body = Body.json("\"${"x".repeat(PAYLOAD - 2)}\""))

    fun prepared(): PreparedMessage = PreparedMessage(message(), DialectTable(codecs()))
}
