package dev.live.protocol

import kotlin.io.encoding.Base64

/** Messages as JSON text: compact UTF-8 without a byte order mark, opaque payloads in padded base64 (RFC 4648). */
public object JsonCodec : TraceableCodec {
    override val subprotocol: String get() = "live.v1.json"
    override val isBinary: Boolean get() = false

    // a single concatenation allocates its result once, at its final length
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
        val json = bytes.decodeUtf8("the message")
        try {
            val scanner = JsonScanner(json, limits.maxDepth)
            var type: String? = null
            var topic: String? = null
            var ref: String? = null
            var body: String? = null
            var data: String? = null
            var offset: Long? = null
            var trace: String? = null
            scanner.fields { name ->
                when (name) {
                    Field.TYPE -> type = scanner.text(name)
                    Field.TOPIC -> topic = scanner.text(name)
                    Field.REF -> ref = scanner.text(name)
                    Field.BODY -> body = scanner.text(name)
                    Field.DATA -> data = scanner.compactValue()
                    Field.OFFSET -> offset = scanner.offset()
                    Field.TRACE -> trace = scanner.text(name)
                    else -> scanner.skipValue()
                }
            }
            scanner.end()
            // in all other messages null is a JSON payload
            if (data == "null" && (body != null || type == MessageType.SUBSCRIBE)) data = null
            val opaque = body?.let { Body.base64(it) }
            return messageOf(type, topic, ref, opaque, data, offset, if (isTraced) trace else null)
        } catch (e: MalformedMessageException) {
            throw replyAddressIn(json)?.addTo(e) ?: e
        }
    }

    /** The topic and ref of a rejected message; null if it is not JSON. */
    private fun replyAddressIn(text: String): ReplyAddress? {
        val scanner = JsonScanner(text, maxDepth = 0, isLenient = true)
        val address = ReplyAddress()
        try {
            scanner.fields { name ->
                val hasText = (name == Field.TOPIC || name == Field.REF) && scanner.peek() == '"'
                if (hasText) address.add(name, scanner.stringValue()) else scanner.skipValue()
            }
            scanner.end()
        } catch (_: MalformedMessageException) {
            return null
        }
        return address
    }
}
