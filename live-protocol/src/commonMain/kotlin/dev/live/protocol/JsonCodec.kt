package dev.live.protocol

import kotlin.io.encoding.Base64

/** Messages as JSON text: compact UTF-8 without a byte order mark, opaque payloads in padded base64 (RFC 4648). */
public object JsonCodec : TraceableCodec {
    override val subprotocol: String get() = "live.v1.json"
    override val isBinary: Boolean get() = false

    // one concatenation, which is as long as its parts from the start
    override fun encode(message: Message, trace: String): ByteArray {
        val type = escaped(message.type)
        val beforeTopic = if (message.topic.isEmpty()) "" else "\",\"topic\":\""
        val topic = escaped(message.topic)
        val beforeRef = if (message.ref.isEmpty()) "" else "\",\"ref\":\""
        val ref = escaped(message.ref)
        val body =
            when (val body = message.body) {
                null -> ""
                is Body.Json -> ",\"data\":${body.text}"
                is Body.Bytes -> ",\"body\":\"${Base64.encode(body.shared())}\""
            }
        val offset = if (message.offset == null) "" else ",\"offset\":${message.offset}"
        val end = if (trace.isEmpty()) "}" else ",\"trace\":\"${escaped(trace)}\"}"
        return "{\"type\":\"$type$beforeTopic$topic$beforeRef$ref\"$body$offset$end".encodeToByteArray()
    }

    override fun decode(bytes: ByteArray, limits: DecodeLimits, isTraced: Boolean): Message {
        val scanner = JsonScanner(bytes.decodeUtf8(), limits.maxDepth)
        var type: String? = null
        var topic = ""
        var ref = ""
        var body: String? = null
        var data: String? = null
        var offset: Long? = null
        var trace = ""
        scanner.fields { name ->
            when (name) {
                Field.TYPE -> type = scanner.text(name)
                Field.TOPIC -> topic = scanner.text(name)
                Field.REF -> ref = scanner.text(name)
                Field.BODY -> body = scanner.text(name)
                Field.DATA -> data = scanner.compactValue()
                Field.OFFSET -> offset = offset(scanner.rawValue())
                Field.TRACE -> trace = scanner.text(name)
                else -> scanner.skipValue()
            }
        }
        scanner.end()
        return messageOf(type, topic, ref, body?.let(::decodeBase64), data, offset, if (isTraced) trace else "")
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
