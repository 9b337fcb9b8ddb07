package dev.live.protocol

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.KSerializer
import kotlinx.serialization.Polymorphic
import kotlinx.serialization.Serializable
import kotlinx.serialization.SerializationException
import kotlinx.serialization.builtins.ListSerializer
import kotlinx.serialization.builtins.serializer
import kotlinx.serialization.descriptors.PrimitiveKind
import kotlinx.serialization.descriptors.PrimitiveSerialDescriptor
import kotlinx.serialization.encoding.Decoder
import kotlinx.serialization.encoding.Encoder
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonEncoder
import kotlinx.serialization.json.JsonUnquotedLiteral
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class ValidJsonTypesTest {
    @Test
    fun `primitives and generated classes of them are valid by construction`() {
        assertTrue(Int.serializer() in ValidJsonTypes)
        assertTrue(String.serializer() in ValidJsonTypes)
        repeat(2) { assertTrue(Flat.serializer() in ValidJsonTypes) }
        assertTrue(Nested.serializer() in ValidJsonTypes)
    }

    @Test
    fun `types that application code may encode are checked`() {
        val serializers =
            listOf(
                JsonElement.serializer(),
                Raw,
                ListSerializer(Raw),
                WithRaw.serializer(),
                WithElement.serializer(),
                WithPolymorphic.serializer(),
                Tree.serializer(),
            )

        for (serializer in serializers) {
            assertFalse(serializer in ValidJsonTypes, serializer.descriptor.serialName)
        }
    }

    @Test
    fun `the text is the same as with the check`() {
        val values = listOf(Flat("\u0000\u001f\"\\/é😀\n", -1, 1.0e300, null), Flat("", Long.MIN_VALUE, 0.5, true))

        for (value in values) {
            val body = Body.of(value)

            assertEquals(Body.json(body.text), body)
            assertEquals(value, Message("x", body = body).decode<Flat>())
        }
    }

    @Test
    fun `values that JSON cannot represent are rejected as with the check`() {
        assertFailsWith<MalformedMessageException> { Body.of(Flat("\ud83d", 1, 1.0)) }
        assertFailsWith<MalformedMessageException> { Body.of("\ude00") }
        assertFailsWith<SerializationException> { Body.of(Flat("", 1, Double.NaN)) }
        assertFailsWith<MalformedMessageException> { Body.of(WithRaw("not JSON")) }
    }

    @Serializable
    private data class Flat(val text: String, val number: Long, val real: Double, val flag: Boolean? = null)

    @Serializable
    private class Nested(val flat: Flat, val name: String?)

    @Serializable
    private class WithElement(val element: JsonElement)

    @Serializable
    private class WithRaw(
        @Serializable(with = Raw::class) val raw: String,
    )

    @Serializable
    private class WithPolymorphic(
        @Polymorphic val any: Any,
    )

    @Serializable
    private class Tree(val child: Tree?)

    @OptIn(ExperimentalSerializationApi::class)
    private object Raw : KSerializer<String> {
        override val descriptor = PrimitiveSerialDescriptor("raw", PrimitiveKind.STRING)

        override fun serialize(encoder: Encoder, value: String) =
            (encoder as JsonEncoder).encodeJsonElement(JsonUnquotedLiteral(value))

        override fun deserialize(decoder: Decoder): String = decoder.decodeString()
    }
}
