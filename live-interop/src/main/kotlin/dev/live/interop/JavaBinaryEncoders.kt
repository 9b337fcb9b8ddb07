package dev.live.interop

import co.nstant.`in`.cbor.CborBuilder
import co.nstant.`in`.cbor.CborDecoder
import co.nstant.`in`.cbor.CborEncoder
import co.nstant.`in`.cbor.model.ByteString
import co.nstant.`in`.cbor.model.DataItem
import co.nstant.`in`.cbor.model.Map
import co.nstant.`in`.cbor.model.Number
import co.nstant.`in`.cbor.model.SimpleValue
import co.nstant.`in`.cbor.model.UnicodeString
import com.fasterxml.jackson.databind.ObjectMapper
import com.upokecenter.cbor.CBORObject
import org.msgpack.core.MessagePack
import java.io.ByteArrayOutputStream
import tools.jackson.dataformat.cbor.CBORMapper as CborMapper3

/** CBOR and MessagePack differ only in the factory. */
internal class Jackson2Binary(private val mapper: ObjectMapper) : Encoder {
    override fun write(message: Outgoing): ByteArray =
        mapper.writeValueAsBytes(
            if (message.absent == Absent.LeftOut) {
                ShortBinaryEnvelope().filled(message).also { it.data = message.data }
            } else {
                BinaryEnvelope().filled(message).also { it.data = message.data }
            },
        )

    override fun writeSince(topic: String, ref: String, ack: ByteArray): ByteArray =
        write(Outgoing("subscribe", topic, ref, data = since(mapper.readValue(ack, BinaryEnvelope::class.java).data)))

    override fun read(frame: ByteArray): Incoming = mapper.readValue(frame, BinaryEnvelope::class.java).let {
        it.incoming(it.data)
    }
}

internal object Jackson3Cbor : Encoder {
    private val mapper = CborMapper3()

    override fun write(message: Outgoing): ByteArray =
        mapper.writeValueAsBytes(
            if (message.absent == Absent.LeftOut) {
                ShortBinaryEnvelope().filled(message).also { it.data = message.data }
            } else {
                BinaryEnvelope().filled(message).also { it.data = message.data }
            },
        )

    override fun writeSince(topic: String, ref: String, ack: ByteArray): ByteArray =
        write(Outgoing("subscribe", topic, ref, data = since(mapper.readValue(ack, BinaryEnvelope::class.java).data)))

    override fun read(frame: ByteArray): Incoming = mapper.readValue(frame, BinaryEnvelope::class.java).let {
        it.incoming(it.data)
    }
}

internal object Upokecenter : Encoder {
    override fun write(message: Outgoing): ByteArray {
        val map = CBORObject.NewMap().Add("type", message.type).Add("topic", message.topic).Add("ref", message.ref)
        message.body?.let { map.Add("body", it) }
        message.data?.let { map.Add("data", it) }
        if (message.absent != Absent.LeftOut) {
            for (name in listOf("body", "data", "offset")) if (!map.ContainsKey(name)) map.Add(name, CBORObject.Null)
        }
        return map.EncodeToBytes()
    }

    override fun writeSince(topic: String, ref: String, ack: ByteArray): ByteArray =
        write(Outgoing("subscribe", topic, ref, data = since(CBORObject.DecodeFromBytes(ack)["data"].AsString())))

    override fun read(frame: ByteArray): Incoming {
        val map = CBORObject.DecodeFromBytes(frame)

        fun text(name: String) = map[name]?.AsString()
        val body = map["body"]?.GetByteString()
        return Incoming(
            text("type").orEmpty(),
            text("topic").orEmpty(),
            text("ref").orEmpty(),
            body,
            text("data"),
            map["offset"]?.AsInt64Value(),
        )
    }
}

internal object NstantCbor : Encoder {
    override fun write(message: Outgoing): ByteArray {
        var map = CborBuilder().addMap().put("type", message.type).put("topic", message.topic).put("ref", message.ref)
        if (message.body != null || message.absent != Absent.LeftOut) map = map.put("body", message.body)
        if (message.data != null || message.absent != Absent.LeftOut) map = map.put("data", message.data)
        if (message.absent != Absent.LeftOut) map = map.put(UnicodeString("offset"), SimpleValue.NULL)
        return ByteArrayOutputStream().also { CborEncoder(it).encode(map.end().build()) }.toByteArray()
    }

    override fun writeSince(topic: String, ref: String, ack: ByteArray): ByteArray =
        write(Outgoing("subscribe", topic, ref, data = since(read(ack).data)))

    override fun read(frame: ByteArray): Incoming {
        val map = CborDecoder.decode(frame).single() as Map

        fun field(name: String): DataItem? = map[UnicodeString(name)]

        fun text(name: String) = (field(name) as UnicodeString?)?.string
        val body = (field("body") as ByteString?)?.bytes
        val offset = (field("offset") as Number?)?.value?.toLong()
        return Incoming(
            text("type").orEmpty(),
            text("topic").orEmpty(),
            text("ref").orEmpty(),
            body,
            text("data"),
            offset,
        )
    }
}

internal object MsgpackCore : Encoder {
    override fun write(message: Outgoing): ByteArray {
        val nulls = message.absent != Absent.LeftOut
        val packer = MessagePack.newDefaultBufferPacker()
        packer.packMapHeader(
            3 + listOf(message.body != null || nulls, message.data != null || nulls, nulls).count {
                it
            },
        )
        packer.packString("type").packString(message.type)
        packer.packString("topic").packString(message.topic)
        packer.packString("ref").packString(message.ref)
        val body = message.body
        when {
            body != null -> packer.packString("body").packBinaryHeader(body.size).writePayload(body)
            nulls -> packer.packString("body").packNil()
        }
        when {
            message.data != null -> packer.packString("data").packString(message.data)
            nulls -> packer.packString("data").packNil()
        }
        if (nulls) packer.packString("offset").packNil()
        return packer.toByteArray()
    }

    override fun writeSince(topic: String, ref: String, ack: ByteArray): ByteArray =
        write(Outgoing("subscribe", topic, ref, data = since(read(ack).data)))

    override fun read(frame: ByteArray): Incoming {
        val map = MessagePack.newDefaultUnpacker(frame).unpackValue().asMapValue().entrySet().associate {
            it.key.asStringValue().asString() to
                it.value
        }

        fun text(name: String) = map[name]?.asStringValue()?.asString()
        val body = map["body"]?.asBinaryValue()?.asByteArray()
        val offset = map["offset"]?.asIntegerValue()?.asLong()
        return Incoming(
            text("type").orEmpty(),
            text("topic").orEmpty(),
            text("ref").orEmpty(),
            body,
            text("data"),
            offset,
        )
    }
}

/** The parameters of a `subscribe` that recovers from the position in the [data] of an `ack`. */
internal fun since(data: String?): String {
    val tree = ObjectMapper().readTree(data)
    val since = kotlin.collections.mapOf("epoch" to tree["epoch"], "offset" to tree["offset"])
    return ObjectMapper().writeValueAsString(kotlin.collections.mapOf("since" to since))
}
