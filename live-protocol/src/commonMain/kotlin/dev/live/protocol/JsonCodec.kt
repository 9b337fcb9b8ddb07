package dev.live.protocol

/** Messages as JSON text. */
public object JsonCodec : Codec {
    override val subprotocol: String get() = "live.v1.json"
    override val isBinary: Boolean get() = false

    override fun encode(message: Message): ByteArray = error("unreachable: not written yet")

    override fun decode(bytes: ByteArray, limits: DecodeLimits): Message = error("unreachable: not written yet")
}
