package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.decode
import dev.live.protocol.of
import kotlinx.serialization.KSerializer

/** Reads the payload of a topic or a request from a message, and writes it to one. */
internal interface PayloadType<T> {
    /** @throws dev.live.protocol.BadPayloadException if the payload of [message] does not have this type */
    fun read(message: Message): T

    fun write(value: T): Body?

    /** A function that reads a message and applies [key] to its payload. */
    fun keyOf(key: (T) -> String): (Message) -> String = { key(read(it)) }
}

/** A JSON payload that [serializer] decodes. */
internal class JsonPayload<T>(private val serializer: KSerializer<T>) : PayloadType<T> {
    override fun read(message: Message): T = message.decode(serializer)

    override fun write(value: T): Body = Body.of(serializer, value)
}

/** A payload that is not decoded, or none. */
internal object RawPayload : PayloadType<Body?> {
    override fun read(message: Message): Body? = message.body

    override fun write(value: Body?): Body? = value
}
