package dev.live.protocol

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.Serializable
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonUnquotedLiteral
import kotlin.io.encoding.Base64

/** Messages as JSON text: compact UTF-8 without a byte order mark, opaque payloads in padded base64 (RFC 4648). */
public object JsonCodec : Codec {
    override val subprotocol: String get() = "live.v1.json"
    override val isBinary: Boolean get() = false

    override fun encode(message: Message): ByteArray {
        val body = message.body
        val written =
            WrittenEnvelope(
                message.type,
                message.topic,
                message.ref,
                (body as? Body.Bytes)?.let { Base64.encode(it.shared()) },
                (body as? Body.Json)?.let { verbatim(it.text) },
                message.offset,
            )
        return json.encodeToString(WrittenEnvelope.serializer(), written).encodeToByteArray()
    }

    override fun decode(bytes: ByteArray, limits: DecodeLimits): Message {
        val text = bytes.decodeUtf8()
        val scanner = JsonScanner(text, limits.maxDepth)
        var data: String? = null
        var dataRange = IntRange.EMPTY
        scanner.fields { name ->
            when (name) {
                Field.TYPE, Field.TOPIC, Field.REF, Field.BODY -> {
                    if (scanner.peek() != '"') throw MalformedMessageException("$name must be a string")
                    scanner.skipValue()
                }
                Field.DATA -> {
                    val from = scanner.position
                    data = scanner.compactValue()
                    dataRange = from until scanner.position
                }
                Field.OFFSET -> requireOffset(scanner.rawValue())
                else -> scanner.skipValue()
            }
        }
        scanner.end()
        // the library takes longer to skip a large value than the scanner to check it
        val read = read(if (data == null) text else text.replaceRange(dataRange, "0"))
        return messageOf(read.type, read.topic, read.ref, read.body?.let(::decodeBase64), data, read.offset)
    }

    private fun read(text: String): ReadEnvelope =
        try {
            json.decodeFromString(ReadEnvelope.serializer(), text)
        } catch (_: SerializationException) {
            // its message quotes the text
            throw MalformedMessageException("the message cannot be read")
        }

    /** kotlinx.serialization would also take `"7"`, `7e0` and `null`. */
    private fun requireOffset(text: String) {
        if (text[0] !in '0'..'9' || text.toLongOrNull() == null) throw MalformedMessageException(OFFSET_RANGE)
    }

    private fun decodeBase64(text: String): ByteArray =
        try {
            Base64.decode(text)
        } catch (_: IllegalArgumentException) {
            throw MalformedMessageException("body is not padded base64")
        }

    @OptIn(ExperimentalSerializationApi::class)
    private fun verbatim(text: String): JsonElement = if (text == "null") JsonNull else JsonUnquotedLiteral(text)

    private val json = Json { ignoreUnknownKeys = true }
}

/** The order of the fields is their order on the wire. */
@Serializable
private class WrittenEnvelope(
    val type: String,
    val topic: String = "",
    val ref: String = "",
    val body: String? = null,
    val data: JsonElement? = null,
    val offset: Long? = null,
)

/** Without `data`, which [JsonScanner] cuts out: its text is wanted, not a tree of elements. */
@Serializable
private class ReadEnvelope(
    val type: String? = null,
    val topic: String = "",
    val ref: String = "",
    val body: String? = null,
    val offset: Long? = null,
)
