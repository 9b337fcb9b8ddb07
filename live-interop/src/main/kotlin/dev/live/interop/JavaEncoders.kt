package dev.live.interop

import co.nstant.`in`.cbor.CborEncoder
import co.nstant.`in`.cbor.model.Map
import com.fasterxml.jackson.databind.ObjectMapper
import com.fasterxml.jackson.dataformat.cbor.CBORFactory
import com.fasterxml.jackson.dataformat.cbor.CBORGenerator
import com.google.gson.Gson
import com.google.gson.GsonBuilder
import com.upokecenter.cbor.CBORObject
import org.json.JSONObject
import org.msgpack.core.MessagePack
import org.msgpack.jackson.dataformat.MessagePackFactory
import tools.jackson.databind.json.JsonMapper as JsonMapper3
import tools.jackson.dataformat.cbor.CBORMapper as CborMapper3

/** The encoders of Maven Central, used as documented. */
object JavaEncoders : Encoders {
    private const val JACKSON = "Jackson 2"
    private const val GSON_WAY = "registerTypeHierarchyAdapter(byte[].class, …) with base64"
    private const val ALWAYS = "a class with all fields"

    private val all: List<Pair<EncoderEntry, () -> Encoder>> =
        listOf(
            entry("$JACKSON, $ALWAYS", ObjectMapper::class, "json") { Jackson2Json() },
            entry("Jackson 3, $ALWAYS", JsonMapper3::class, "json") { Jackson3Json() },
            entry("Gson, a class with `byte[]`", Gson::class, "json", expectedError = "base64") { GsonJson(Gson()) },
            entry("Gson, a class with `byte[]`", Gson::class, "json", GSON_WAY) {
                GsonJson(GsonBuilder().registerTypeHierarchyAdapter(ByteArray::class.java, Base64Adapter).create())
            },
            entry("Gson, the `ack` as a `Map`", Gson::class, "json", GSON_WAY) {
                GsonMap(GsonBuilder().registerTypeHierarchyAdapter(ByteArray::class.java, Base64Adapter).create())
            },
            entry("org.json", JSONObject::class, "json", version = "20260814") { OrgJson },
            entry("$JACKSON CBOR, $ALWAYS", CBORFactory::class, "cbor") { Jackson2Binary(ObjectMapper(CBORFactory())) },
            entry("$JACKSON CBOR, $ALWAYS", CBORFactory::class, "cbor", "WRITE_TYPE_HEADER") {
                Jackson2Binary(ObjectMapper(CBORFactory().enable(CBORGenerator.Feature.WRITE_TYPE_HEADER)))
            },
            entry("Jackson 3 CBOR, $ALWAYS", CborMapper3::class, "cbor") { Jackson3Cbor },
            entry("com.upokecenter:cbor", CBORObject::class, "cbor", version = "4.5.6") { Upokecenter },
            entry("co.nstant.in:cbor", CborEncoder::class, "cbor", version = "0.9") { NstantCbor },
            entry("jackson-dataformat-msgpack, $ALWAYS", MessagePackFactory::class, "msgpack", version = "0.9.11") {
                Jackson2Binary(ObjectMapper(MessagePackFactory()))
            },
            entry("msgpack-core", MessagePack::class, "msgpack", version = "0.9.12") { MsgpackCore },
        )

    override fun list(): List<EncoderEntry> = all.map { it.first }

    override fun open(index: Int): Encoder = all[index].second()

    private fun entry(
        library: String,
        type: kotlin.reflect.KClass<*>,
        codec: String,
        setting: String = "",
        expectedError: String = "",
        version: String = type.java.`package`.implementationVersion ?: versionInName(type.java),
        open: () -> Encoder,
    ) = EncoderEntry("Java", library, version, codec, setting, expectedError) to open

    private fun versionInName(type: Class<*>): String =
        type.protectionDomain.codeSource.location.path.substringAfterLast(
            '/',
        ).removeSuffix(".jar").substringAfterLast('-')
}
