package dev.live.protocol

/** Messages as CBOR (RFC 8949): one map with text keys, opaque payloads as byte strings, JSON payloads as text. */
public object CborCodec : TraceableCodec {
    override val subprotocol: String get() = "live.v1.cbor"
    override val isBinary: Boolean get() = true

    override fun encode(message: Message, trace: String): ByteArray =
        CborWriter(BinaryWriter.capacityFor(message.body)).message(message, trace)

    override fun decode(bytes: ByteArray, limits: DecodeLimits, isTraced: Boolean): Message =
        try {
            readMessage(CborReader(bytes, limits.maxDepth), limits, isTraced)
        } catch (e: MalformedMessageException) {
            throw replyAddressIn(CborReader(bytes, limits.maxDepth, isLenient = true))?.addTo(e) ?: e
        }
}
