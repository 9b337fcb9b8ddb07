package dev.live.server.support

import dev.live.protocol.Body
import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import java.util.concurrent.atomic.AtomicInteger

/** A codec that writes a message's opaque body, or its type without one. Counts encodings; throws if [broken]. */
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
        return message.text().encodeToByteArray()
    }

    override fun decode(bytes: ByteArray, limits: DecodeLimits): Message = textMessage(bytes.decodeToString())
}

/** A message that [FakeCodec] encodes as [text]. */
internal fun textMessage(text: String): Message =
    Message(MessageType.MESSAGE, body = Body.bytes(text.encodeToByteArray()))

/** The text that [FakeCodec] encodes this message to. */
internal fun Message.text(): String = (body as? Body.Bytes)?.toByteArray()?.decodeToString() ?: type
