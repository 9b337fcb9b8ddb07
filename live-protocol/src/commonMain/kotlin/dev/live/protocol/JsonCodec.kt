package dev.live.protocol

import kotlin.io.encoding.Base64

/** Messages as JSON text: compact UTF-8 without a byte order mark, opaque payloads in padded base64 (RFC 4648). */
public object JsonCodec : Codec {
    override val subprotocol: String get() = "live.v1.json"
    override val isBinary: Boolean get() = false

    override fun encode(message: Message): ByteArray {
        val body = message.body
        val writer = JsonWriter(if (body is Body.Json) body.text.length else 0)
        writer.string(Field.TYPE, message.type)
        if (message.topic.isNotEmpty()) writer.string(Field.TOPIC, message.topic)
        if (message.ref.isNotEmpty()) writer.string(Field.REF, message.ref)
        if (body is Body.Bytes) writer.string(Field.BODY, Base64.encode(body.shared()))
        if (body is Body.Json) writer.verbatim(Field.DATA, body.text)
        message.offset?.let { writer.verbatim(Field.OFFSET, it.toString()) }
        return writer.end()
    }

    override fun decode(bytes: ByteArray, limits: DecodeLimits): Message {
        val scanner = JsonScanner(bytes.decodeUtf8(), limits.maxDepth)
        var type: String? = null
        var topic = ""
        var ref = ""
        var body: String? = null
        var data: String? = null
        var offset: Long? = null
        scanner.fields { name ->
            when (name) {
                Field.TYPE -> type = scanner.text(name)
                Field.TOPIC -> topic = scanner.text(name)
                Field.REF -> ref = scanner.text(name)
                Field.BODY -> body = scanner.text(name)
                Field.DATA -> data = scanner.compactValue()
                Field.OFFSET -> offset = offset(scanner.rawValue())
                else -> scanner.skipValue()
            }
        }
        scanner.end()
        return messageOf(type, topic, ref, body?.let(::decodeBase64), data, offset)
    }

    private fun JsonScanner.text(name: String): String {
        if (peek() != '"') throw MalformedMessageException("$name must be a string")
        return stringValue()
    }

    private fun offset(text: String): Long {
        val value = if (text[0] in '0'..'9') text.toLongOrNull() else null
        return value ?: throw MalformedMessageException(OFFSET_RANGE)
    }

    private fun decodeBase64(text: String): ByteArray =
        try {
            Base64.decode(text)
        } catch (_: IllegalArgumentException) {
            throw MalformedMessageException("body is not padded base64")
        }
}

/** Writes the envelope's object. Not thread-safe; one instance writes one message. */
private class JsonWriter(payload: Int) {
    private val text = StringBuilder(payload + ENVELOPE)

    fun string(name: String, value: String) {
        begin(name)
        text.appendQuoted(value)
    }

    /** [value] is JSON. */
    fun verbatim(name: String, value: String) {
        begin(name)
        text.append(value)
    }

    fun end(): ByteArray = text.append('}').toString().encodeToByteArray()

    private fun begin(name: String) {
        text.append(if (text.isEmpty()) '{' else ',').append('"').append(name).append("\":")
    }

    private companion object {
        /** Characters that the envelope takes, mostly. */
        const val ENVELOPE = 96
    }
}
