package dev.live.protocol

/** Messages as MessagePack: one map with text keys, opaque payloads as `bin`, JSON payloads as `str`. */
public object MessagePackCodec : TraceableCodec {
    override val subprotocol: String get() = "live.v1.msgpack"
    override val isBinary: Boolean get() = true

    override fun encode(message: Message, trace: String): ByteArray {
        val body = message.body
        val writer = MessagePackWriter(capacity = ROOM_FOR_HEADERS + (body?.size ?: 0))
        writer.mapHeader(
            1 + (if (message.topic.isEmpty()) 0 else 1) + (if (message.ref.isEmpty()) 0 else 1) +
                (if (body == null) 0 else 1) + (if (message.offset == null) 0 else 1) + (if (trace.isEmpty()) 0 else 1),
        )
        writer.text(Field.TYPE)
        writer.text(message.type)
        if (message.topic.isNotEmpty()) {
            writer.text(Field.TOPIC)
            writer.text(message.topic)
        }
        if (message.ref.isNotEmpty()) {
            writer.text(Field.REF)
            writer.text(message.ref)
        }
        when (body) {
            is Body.Bytes -> {
                writer.text(Field.BODY)
                writer.binary(body.shared())
            }
            is Body.Json -> {
                writer.text(Field.DATA)
                writer.text(body.text)
            }
            null -> Unit
        }
        message.offset?.let {
            writer.text(Field.OFFSET)
            writer.unsigned(it)
        }
        if (trace.isNotEmpty()) {
            writer.text(Field.TRACE)
            writer.text(trace)
        }
        return writer.toByteArray()
    }

    override fun decode(bytes: ByteArray, limits: DecodeLimits, isTraced: Boolean): Message {
        val reader = MessagePackReader(bytes, limits.maxDepth)
        val fields = reader.mapHeader()
        if (fields < 0) throw MalformedMessageException("a message must be a map")
        val names = ArrayList<String>()
        var type: String? = null
        var topic = ""
        var ref = ""
        var body: ByteArray? = null
        var data: String? = null
        var offset: Long? = null
        var trace = ""
        for (i in 0 until fields) {
            val name = reader.text() ?: throw MalformedMessageException("the name of a field must be text")
            names += name
            when (name) {
                Field.TYPE -> type = reader.text(name)
                Field.TOPIC -> topic = reader.text(name)
                Field.REF -> ref = reader.text(name)
                Field.BODY -> body = reader.binary() ?: throw MalformedMessageException("body must be a byte string")
                Field.DATA -> data = compactJson(reader.text(name), limits)
                Field.OFFSET -> {
                    offset = reader.unsigned()
                    if (offset < 0) throw MalformedMessageException(OFFSET_RANGE)
                }
                Field.TRACE -> trace = reader.text(name)
                else -> reader.skip()
            }
        }
        if (!reader.isAtEnd) throw MalformedMessageException("bytes follow the end of the message")
        requireDistinct(names, 0)
        return messageOf(type, topic, ref, body, data, offset, if (isTraced) trace else "")
    }

    private fun MessagePackReader.text(field: String): String =
        text() ?: throw MalformedMessageException("$field must be text")

    /** Names, markers and short values of everything but the payload. */
    private const val ROOM_FOR_HEADERS = 128
}
