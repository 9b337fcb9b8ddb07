package dev.live.client.java

import dev.live.client.topic.MessageConverter
import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import kotlinx.serialization.json.JsonElement

/** Encodes and decodes payloads of one class. */
internal class Payloads<T : Any>(private val type: Class<T>, private val mapper: JsonMapper?) : MessageConverter<T> {
    override fun write(value: T): Body.Json = body(value)

    /** @throws IllegalArgumentException if the mapper cannot serialize [value], or its output cannot be sent */
    fun body(value: Any): Body.Json =
        try {
            Body.json(json(value))
        } catch (e: MalformedMessageException) {
            throw IllegalArgumentException("cannot send ${value.javaClass.simpleName}: ${e.reason}", e)
        }

    private fun json(value: Any): String {
        if (value is String && mapper == null) return value
        val mapper = mapper()
        try {
            return mapper.toJson(value)
        } catch (e: Exception) {
            throw IllegalArgumentException("cannot serialize ${value.javaClass.simpleName}: ${firstLine(e)}", e)
        }
    }

    override fun read(message: Message): T {
        val body = message.body ?: throw BadPayloadException("data is missing")
        if (body !is Body.Json) throw BadPayloadException("data must be JSON, was opaque bytes")
        return read(body.text)
    }

    fun read(json: JsonElement): T = read(json.toString())

    fun <S : Any> of(other: Class<S>): Payloads<S> = Payloads(other, mapper)

    private fun read(json: String): T {
        if (mapper == null && type == String::class.java) return type.cast(json)
        try {
            return mapper().fromJson(json, type)
        } catch (e: Exception) {
            throw BadPayloadException("data is not a ${type.simpleName}: ${firstLine(e)}", e)
        }
    }

    private fun firstLine(e: Exception) = e.message.orEmpty().lineSequence().first()

    private fun mapper(): JsonMapper =
        checkNotNull(mapper) {
            "there is no mapper for ${type.name}. Add mapper(...) to the builder, or use String.class for JSON text."
        }
}
