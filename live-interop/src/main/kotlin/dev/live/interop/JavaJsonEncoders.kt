package dev.live.interop

import co.nstant.`in`.cbor.model.Map
import com.fasterxml.jackson.databind.ObjectMapper
import com.google.gson.Gson
import com.google.gson.TypeAdapter
import com.google.gson.stream.JsonReader
import com.google.gson.stream.JsonToken
import com.google.gson.stream.JsonWriter
import org.json.JSONObject
import org.json.JSONTokener
import java.util.Base64
import tools.jackson.databind.json.JsonMapper as JsonMapper3

internal class Jackson2Json : Encoder {
    private val mapper = ObjectMapper().configure(
        com.fasterxml.jackson.databind.DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES,
        false,
    )

    override fun write(message: Outgoing): ByteArray {
        val data = message.data?.let(mapper::readTree)
        return mapper.writeValueAsBytes(
            if (message.absent == Absent.LeftOut) {
                ShortJackson2Envelope().filled(message).also { it.data = data }
            } else {
                Jackson2Envelope().filled(message).also { it.data = data }
            },
        )
    }

    override fun writeSince(topic: String, ref: String, ack: ByteArray): ByteArray {
        val data = mapper.readTree(ack)["data"]
        val since = kotlin.collections.mapOf("epoch" to data["epoch"], "offset" to data["offset"])
        return mapper.writeValueAsBytes(
            ShortJackson2Envelope().filled(Outgoing("subscribe", topic, ref)).also {
                it.data =
                    mapper.valueToTree(kotlin.collections.mapOf("since" to since))
            },
        )
    }

    override fun read(frame: ByteArray): Incoming =
        mapper.readValue(frame, Jackson2Envelope::class.java).let { it.incoming(it.data?.toString()) }
}

internal class Jackson3Json : Encoder {
    private val mapper = JsonMapper3.builder().build()

    override fun write(message: Outgoing): ByteArray {
        val data = message.data?.let { mapper.readValue(it, Any::class.java) }
        return mapper.writeValueAsBytes(
            if (message.absent == Absent.LeftOut) {
                ShortPlainEnvelope().filled(message).also { it.data = data }
            } else {
                PlainEnvelope().filled(message).also { it.data = data }
            },
        )
    }

    override fun writeSince(topic: String, ref: String, ack: ByteArray): ByteArray {
        val data = mapper.readValue(ack, PlainEnvelope::class.java).data as kotlin.collections.Map<*, *>
        val since = data.filterKeys { it == "epoch" || it == "offset" }
        return mapper.writeValueAsBytes(
            PlainEnvelope().filled(Outgoing("subscribe", topic, ref)).also {
                it.data =
                    kotlin.collections.mapOf("since" to since)
            },
        )
    }

    override fun read(frame: ByteArray): Incoming =
        mapper.readValue(frame, PlainEnvelope::class.java).let { it.incoming(it.data?.let(mapper::writeValueAsString)) }
}

/** Uses an application class. Null fields are omitted, the default of Gson. */
internal class GsonJson(private val gson: Gson) : Encoder {
    private val withNulls = gson.newBuilder().serializeNulls().create()

    override fun write(message: Outgoing): ByteArray {
        val envelope = PlainEnvelope().filled(message)
        envelope.data = message.data?.let { gson.fromJson(it, com.google.gson.JsonElement::class.java) }
        return (if (message.absent == Absent.LeftOut) gson else withNulls).toJson(envelope).encodeToByteArray()
    }

    override fun writeSince(topic: String, ref: String, ack: ByteArray): ByteArray {
        val data = gson.fromJson(ack.decodeToString(), com.google.gson.JsonObject::class.java).getAsJsonObject("data")
        val since = com.google.gson.JsonObject()
        for (name in listOf("epoch", "offset")) since.add(name, data[name])
        val envelope = PlainEnvelope().filled(Outgoing("subscribe", topic, ref))
        envelope.data = kotlin.collections.mapOf("since" to since)
        return gson.toJson(envelope).encodeToByteArray()
    }

    override fun read(frame: ByteArray): Incoming {
        val tree = gson.fromJson(frame.decodeToString(), com.google.gson.JsonObject::class.java)
        val data = tree.remove("data")
        return gson.fromJson(tree, PlainEnvelope::class.java).incoming(data?.toString())
    }
}

/** Uses maps, which have doubles for all numbers. */
internal class GsonMap(private val gson: Gson) : Encoder {
    override fun write(message: Outgoing): ByteArray {
        val map = linkedMapOf<String, Any?>("type" to message.type, "topic" to message.topic, "ref" to message.ref)
        message.body?.let { map["body"] = it }
        message.data?.let { map["data"] = gson.fromJson(it, Any::class.java) }
        if (message.absent != Absent.LeftOut) for (name in listOf("body", "data", "offset")) map.putIfAbsent(name, null)
        return gson.newBuilder().serializeNulls().create().toJson(map).encodeToByteArray()
    }

    override fun writeSince(topic: String, ref: String, ack: ByteArray): ByteArray {
        val data = map(ack)["data"] as kotlin.collections.Map<*, *>
        val since = data.filterKeys { it == "epoch" || it == "offset" }
        val map = kotlin.collections.mapOf(
            "type" to "subscribe",
            "topic" to topic,
            "ref" to ref,
            "data" to kotlin.collections.mapOf("since" to since),
        )
        return gson.toJson(map).encodeToByteArray()
    }

    override fun read(frame: ByteArray): Incoming {
        val map = map(frame)
        val body = (map["body"] as String?)?.let(Base64.getDecoder()::decode)
        val data = if ("data" in map) gson.toJsonTree(map["data"]).toString() else null
        val offset = (map["offset"] as Double?)?.toLong()
        return Incoming(
            map["type"].toString(),
            map["topic"]?.toString().orEmpty(),
            map["ref"]?.toString().orEmpty(),
            body,
            data,
            offset,
        )
    }

    private fun map(frame: ByteArray): kotlin.collections.Map<*, *> =
        gson.fromJson(frame.decodeToString(), kotlin.collections.Map::class.java)
}

internal object Base64Adapter : TypeAdapter<ByteArray>() {
    override fun write(out: JsonWriter, value: ByteArray?) {
        out.value(value?.let(Base64.getEncoder()::encodeToString))
    }

    override fun read(reader: JsonReader): ByteArray? =
        if (reader.peek() ==
            JsonToken.NULL
        ) {
            null.also { reader.nextNull() }
        } else {
            Base64.getDecoder().decode(reader.nextString())
        }
}

internal object OrgJson : Encoder {
    override fun write(message: Outgoing): ByteArray {
        val json = JSONObject().put("type", message.type).put("topic", message.topic).put("ref", message.ref)
        message.body?.let { json.put("body", Base64.getEncoder().encodeToString(it)) }
        message.data?.let { json.put("data", JSONTokener(it).nextValue()) }
        if (message.absent !=
            Absent.LeftOut
        ) {
            for (name in listOf("body", "data", "offset")) if (!json.has(name)) json.put(name, JSONObject.NULL)
        }
        return json.toString().encodeToByteArray()
    }

    override fun writeSince(topic: String, ref: String, ack: ByteArray): ByteArray {
        val data = JSONObject(ack.decodeToString()).getJSONObject("data")
        val since = JSONObject(data, "epoch", "offset")
        val json = JSONObject().put(
            "type",
            "subscribe",
        ).put("topic", topic).put("ref", ref).put("data", JSONObject().put("since", since))
        return json.toString().encodeToByteArray()
    }

    override fun read(frame: ByteArray): Incoming {
        val json = JSONObject(frame.decodeToString())
        val body = json.optString("body", null)?.let(Base64.getDecoder()::decode)
        val data = if (json.has("data")) JSONObject.valueToString(json["data"]) else null
        val offset = if (json.has("offset")) json.getLong("offset") else null
        return Incoming(json.getString("type"), json.optString("topic"), json.optString("ref"), body, data, offset)
    }
}
