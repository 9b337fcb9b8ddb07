package dev.live.server.support

import dev.live.protocol.Body
import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import java.util.concurrent.atomic.AtomicInteger

/** A codec that writes a message's opaque payload, or its type where it has none, and counts; [broken], it throws. */
internal class FakeCodec(
    override val subprotocol: String = "live.v1.fake",
    override val isBinary: Boolean = false,
) : Codec {
    @Volatile
    var broken = false

    val encodings = AtomicInteger()

    override fun encode(message: Message): ByteArray {
        encodings.incrementAndGet()
        check(!broken) { "the codec is broken" }
        return message.word().encodeToByteArray()
    }

    override fun decode(bytes: ByteArray, limits: DecodeLimits): Message = wordMessage(bytes.decodeToString())
}

/** A message that [FakeCodec] writes as [word]. */
internal fun wordMessage(word: String): Message =
    Message(MessageType.MESSAGE, body = Body.bytes(word.encodeToByteArray()))

/** What [FakeCodec] writes for this message. */
internal fun Message.word(): String = (body as? Body.Bytes)?.toByteArray()?.decodeToString() ?: type
