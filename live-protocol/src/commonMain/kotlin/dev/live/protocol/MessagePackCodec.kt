package dev.live.protocol

/** Messages as MessagePack: one map with text keys, opaque payloads as `bin`, JSON payloads as `str`. */
public object MessagePackCodec : TraceableCodec {
    override val subprotocol: String get() = "live.v1.msgpack"
    override val isBinary: Boolean get() = true

    override fun encode(message: Message, trace: String): ByteArray =
        MessagePackWriter(BinaryWriter.capacityFor(message.body)).message(message, trace)

    override fun decode(bytes: ByteArray, limits: DecodeLimits, isTraced: Boolean): Message =
        try {
            readMessage(MessagePackReader(bytes, limits.maxDepth), limits, isTraced)
        } catch (e: MalformedMessageException) {
            throw replyAddressIn(MessagePackReader(bytes, limits.maxDepth, isLenient = true))?.addTo(e) ?: e
        }
}
