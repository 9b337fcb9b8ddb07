package dev.live.protocol

import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json

/**
 * The test vectors in `vectors/`, binding for every implementation of the protocol. Their README documents the format.
 * Each platform defines `readVectorFile` and `codecs`.
 */
object Vectors {
    val messages: List<ValidVector> = read("messages.json")
    val traced: List<ValidVector> = read("traced.json")
    val accepted: List<InputVector> = read("accepted.json")
    val rejected: List<InputVector> = read("rejected.json")

    private inline fun <reified T> read(name: String): T = Json.decodeFromString(readVectorFile(name))
}

@Serializable
class ValidVector(
    val name: String,
    val message: VectorMessage,
    private val json: String,
    private val cbor: String,
    private val msgpack: String,
) {
    /** The canonical encoding of the message in [codec]. */
    fun encodedBy(codec: Codec): ByteArray =
        when (codec.subprotocol) {
            "live.v1.json" -> json.encodeToByteArray()
            "live.v1.cbor" -> cbor.hexToByteArray()
            else -> msgpack.hexToByteArray()
        }
}

@Serializable
class InputVector(
    val name: String,
    private val json: String? = null,
    private val jsonHex: String? = null,
    private val cbor: String? = null,
    private val msgpack: String? = null,
    private val message: VectorMessage? = null,
    /** The topic and ref of the expected `error` message; null if the vector does not define them. */
    val answer: VectorAnswer? = null,
    /** The library that wrote the input, with version and options. */
    private val encoder: String? = null,
) {
    val expected: Message get() = checkNotNull(message) { "vector '$name' has no message" }.toMessage()

    /** The subprotocol of the codec for this input. Some platforms do not support it. */
    val subprotocol: String
        get() =
            when {
                json != null || jsonHex != null -> "live.v1.json"
                cbor != null -> "live.v1.cbor"
                else -> "live.v1.msgpack"
            }

    val bytes: ByteArray
        get() = json?.encodeToByteArray()
            ?: checkNotNull(jsonHex ?: cbor ?: msgpack) { "vector '$name' has no input" }.hexToByteArray()

    override fun toString(): String = "$subprotocol: $name" + if (encoder == null) "" else " ($encoder)"
}

@Serializable
data class VectorAnswer(val topic: String = "", val ref: String = "")

@Serializable
class VectorMessage(
    private val type: String,
    private val topic: String = "",
    private val ref: String = "",
    private val body: String? = null,
    private val data: String? = null,
    private val offset: String? = null,
    private val trace: String = "",
) {
    fun toMessage(): Message {
        val payload = body?.let { Body.bytes(it.hexToByteArray()) } ?: data?.let { Body.json(it) }
        return Message(type, topic, ref, payload, offset?.toLong(), trace)
    }
}
