package dev.live.client.topic

import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import kotlinx.serialization.KSerializer

/** Converts between the messages of a topic and the values of its flows. */
internal interface MessageConverter<T> {
    /** Whether the flows of the topic emit [message]. */
    fun accepts(message: Message): Boolean = message.type == MessageType.MESSAGE

    /** @throws BadPayloadException if [message] cannot be read as a [T] */
    fun read(message: Message): T

    /** The payload of a message that publishes [value]. */
    fun write(value: T): Body
}

/** Converts payloads with [serializer]. */
internal class SerializerConverter<T>(private val serializer: KSerializer<T>) : MessageConverter<T> {
    override fun read(message: Message): T = message.decode(serializer)

    override fun write(value: T): Body = Body.of(serializer, value)
}

/** Passes messages of every type unchanged. */
internal object RawConverter : MessageConverter<Message> {
    override fun accepts(message: Message): Boolean = true

    override fun read(message: Message): Message = message

    override fun write(value: Message): Body {
        require(value.type == MessageType.MESSAGE || value.type == MessageType.PUBLISH) {
            "cannot publish a message of type '${value.type}'. Use LiveClient.send(message)."
        }
        return requireNotNull(value.body) { "cannot publish a message without a body" }
    }
}
