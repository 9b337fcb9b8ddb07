package dev.live.interop

import com.fasterxml.jackson.annotation.JsonInclude
import com.fasterxml.jackson.databind.JsonNode
import org.msgpack.core.MessagePack

/** The envelope as a typical application class: a bean, with a value or null in every field. */
internal open class Envelope {
    @JvmField var type: String? = null

    @JvmField var topic: String? = null

    @JvmField var ref: String? = null

    @JvmField var body: ByteArray? = null

    @JvmField var offset: Long? = null
}

/** In CBOR and MessagePack, data is JSON text. */
@JsonInclude(JsonInclude.Include.ALWAYS)
internal class BinaryEnvelope : Envelope() {
    @JvmField var data: String? = null
}

@JsonInclude(JsonInclude.Include.NON_NULL)
internal class ShortBinaryEnvelope : Envelope() {
    @JvmField var data: String? = null
}

internal class Jackson2Envelope : Envelope() {
    @JvmField var data: JsonNode? = null
}

@JsonInclude(JsonInclude.Include.NON_NULL)
internal class ShortJackson2Envelope : Envelope() {
    @JvmField var data: JsonNode? = null
}

internal class PlainEnvelope : Envelope() {
    @JvmField var data: Any? = null
}

@JsonInclude(JsonInclude.Include.NON_NULL)
internal class ShortPlainEnvelope : Envelope() {
    @JvmField var data: Any? = null
}

internal fun <E : Envelope> E.filled(message: Outgoing): E = apply {
    type = message.type
    topic = message.topic
    ref = message.ref
    body = message.body
}

internal fun Envelope.incoming(data: String?) = Incoming(
    type.orEmpty(),
    topic.orEmpty(),
    ref.orEmpty(),
    body,
    data,
    offset,
)
