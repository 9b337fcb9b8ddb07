package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.decode
import dev.live.protocol.of
import kotlinx.serialization.KSerializer

/** How the payload of a topic or a request is read from a message and written to one. */
internal interface PayloadType<T> {
    /** @throws dev.live.protocol.BadPayloadException if the payload of [message] is not of this type */
    fun read(message: Message): T

    fun write(value: T): Body?
}

/** A payload that is JSON and fits [serializer]. */
internal class JsonPayload<T>(private val serializer: KSerializer<T>) : PayloadType<T> {
    override fun read(message: Message): T = message.decode(serializer)

    override fun write(value: T): Body = Body.of(serializer, value)
}

/** Whatever payload there is, or none. */
internal object RawPayload : PayloadType<Body?> {
    override fun read(message: Message): Body? = message.body

    override fun write(value: Body?): Body? = value
}
