package dev.live.protocol

import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json
import java.io.File

/** The files in `vectors/`, which every implementation of the protocol has to agree with; their README says what they hold. */
object Vectors {
    val messages: List<ValidVector> = read("messages.json")
    val traced: List<ValidVector> = read("traced.json")
    val accepted: List<InputVector> = read("accepted.json")
    val rejected: List<InputVector> = read("rejected.json")

    private inline fun <reified T> read(name: String): T = Json.decodeFromString(File("vectors", name).readText())
}

@Serializable
class ValidVector(
    val name: String,
    val message: VectorMessage,
    private val json: String,
    private val cbor: String,
    private val msgpack: String,
) {
    /** Each codec with the only bytes it writes for the message. */
    val encodings: Map<Codec, ByteArray>
        get() =
            mapOf(
                JsonCodec to json.encodeToByteArray(),
                CborCodec to cbor.hexToByteArray(),
                MessagePackCodec to msgpack.hexToByteArray(),
            )
}

@Serializable
class InputVector(
    val name: String,
    private val json: String? = null,
    private val jsonHex: String? = null,
    private val cbor: String? = null,
    private val msgpack: String? = null,
    private val message: VectorMessage? = null,
) {
    val expected: Message get() = checkNotNull(message) { "'$name' lacks its message" }.toMessage()

    val codec: Codec
        get() =
            when {
                json != null || jsonHex != null -> JsonCodec
                cbor != null -> CborCodec
                else -> MessagePackCodec
            }

    val bytes: ByteArray
        get() = json?.encodeToByteArray()
            ?: checkNotNull(jsonHex ?: cbor ?: msgpack) { "'$name' has no input" }.hexToByteArray()

    override fun toString(): String = "${codec.subprotocol}: $name"
}

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
