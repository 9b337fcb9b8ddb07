package dev.live.protocol

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.SerializationException
import kotlinx.serialization.descriptors.PrimitiveKind
import kotlinx.serialization.descriptors.PrimitiveSerialDescriptor
import kotlinx.serialization.encoding.Decoder
import kotlinx.serialization.encoding.Encoder
import kotlinx.serialization.json.JsonEncoder
import kotlinx.serialization.json.JsonUnquotedLiteral
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.time.Duration.Companion.milliseconds

class PayloadTest {
    @Test
    fun `a value survives encoding and decoding`() {
        val order = Order("a", listOf(Item("x", 3)), mapOf("k" to 1), Color.GREEN, Shape.Circle(2))

        assertEquals(order, Message("x", body = Body.of(order)).decode<Order>())
        assertEquals(7, Message("x", body = Body.of(7)).decode<Int>())
        assertEquals(null, Message("x", body = Body.of<String?>(null)).decode<String?>())
    }

    @Test
    fun `defaults are omitted and unknown fields are ignored`() {
        assertEquals("""{"text":"a"}""", Body.of(Order("a")).text)
        assertEquals(Order("a"), decode<Order>("""{"text":"a","more":[1]}"""))
    }

    @Test
    fun `an absent payload and opaque bytes are rejected`() {
        assertEquals("data is missing", assertFailsWith<BadPayloadException> { Message("x").decode<Int>() }.reason)
        assertEquals(null, Message("x").decode<Int?>())
        assertEquals(Unit, Message("x").decode<Unit>())
        assertEquals(
            "data must be JSON, was opaque bytes",
            assertFailsWith<BadPayloadException> {
                Message("x", body = Body.bytes(byteArrayOf(1))).decode<Int>()
            }.reason,
        )
    }

    @Test
    fun `a mismatched payload is rejected with the name of the field but not its value`() {
        mapOf(
            "{}" to "text is missing",
            """{"text":"a","items":[{"name":"x","price":1},{"name":"s3cr3t"}]}""" to "items[1].price is missing",
            """{"text":"a","items":[{"name":"x","price":1},{}]}""" to "items[1].name, items[1].price are missing",
            """{"text":"a","items":[{"name":"x","price":"s3cr3t"}]}""" to
                "items[0].price must be a number",
            """{"text":"a","items":[{"name":"s3cr3t","price":99999999999}]}""" to
                "items[0].price is out of range or not a number",
            """{"text":"a","items":[{"name":"s3cr3t","price":99999999999999999999}]}""" to
                "items[0].price is out of range or not a number",
            """{"text":7}""" to "text must be a string",
            """{"text":null}""" to "text must be a string",
            """{"text":"a","items":{"s3cr3t":1}}""" to "items must be an array",
            """{"text":"a","isPaid":"s3cr3t"}""" to "isPaid must be true or false",
            """{"text":"a","weight":"s3cr3t"}""" to "weight is out of range or not a number",
            """{"text":"a","counts":{"s3cr3t":"x"}}""" to "counts[…] must be a number",
            """{"text":"a","counts":{"' at path ${'$'}.s3cr3t":"x"}}""" to
                "counts[…] must be a number",
            """{"text":"a","color":"s3cr3t"}""" to "color is not one of the allowed values",
            """{"text":"a","color":"s3cr3t at path ${'$'}.s3cr3t"}""" to "color is not one of the allowed values",
            """{"text":"a","shape":{"type":"s3cr3t"}}""" to "shape does not fit its type",
            """{"text":"a","shape":{"radius":"s3cr3t","type":"circle"}}""" to "data does not fit its type",
            """["s3cr3t"]""" to "data must be an object",
            """"s3cr3t"""" to "data must be an object",
        ).forEach { (json, reason) ->
            val error = assertFailsWith<BadPayloadException>(json) { decode<Order>(json) }

            assertEquals(reason, error.reason)
            assertEquals(ErrorCode.BadPayload, error.code)
            assertFalse("s3cr3t" in error.stackTraceToString())
        }
    }

    @Test
    fun `the message of a failed check in an init block is kept`() {
        assertEquals(
            "name must not be empty",
            assertFailsWith<BadPayloadException> {
                decode<Item>("""{"name":"","price":1}""")
            }.reason,
        )
    }

    @Test
    fun `a value that JSON cannot represent fails to encode`() {
        assertFailsWith<SerializationException> { Body.of(Double.NaN) }
        assertFailsWith<MalformedMessageException> { Body.of(BrokenSerializer, "{]") }
    }

    @Test
    fun `unpaired surrogates in the text of an error are replaced`() {
        val cut = "half ab🌸c🌸".dropLast(1)

        val error = LiveException(ErrorCode.of(cut), cut.drop(8)).toMessage().decode<ErrorData>()

        assertEquals("half ab🌸c\uFFFD", error.code)
        assertEquals("\uFFFDc\uFFFD", error.reason)
    }

    @Test
    fun `an error survives conversion to a message and back`() {
        val error = LiveException(ErrorCode.RateLimited, "too many messages", 250.milliseconds)

        val message = error.toMessage("room/1", "r1")
        val received = message.decode<ErrorData>().toException()

        assertEquals(
            Message(
                "error",
                "room/1",
                "r1",
                Body.json("""{"code":"rate_limited","reason":"too many messages","retryAfterMs":250}"""),
            ),
            message,
        )
        assertEquals(ErrorCode.RateLimited, received.code)
        assertEquals("too many messages", received.reason)
        assertEquals(250.milliseconds, received.retryAfter)
        assertEquals("rate_limited: too many messages", received.message)
    }

    @Test
    fun `the payloads of control messages have the field names of the protocol`() {
        assertEquals("""{"code":"timeout","reason":"r"}""", Body.of(ErrorData("timeout", "r")).text)
        assertEquals(
            """{"code":1012,"reason":"restart","reconnectInMs":[500,5000]}""",
            Body.of(GoodbyeData(1012, "restart", listOf(500, 5000))).text,
        )
        assertEquals("""{"token":"t"}""", Body.of(AuthData("t")).text)
        assertEquals("""{"inMs":30000}""", Body.of(ExpiringData(30_000)).text)
    }
}

private inline fun <reified T> decode(json: String): T = Message("x", body = Body.json(json)).decode()

@Serializable
private data class Order(
    val text: String,
    val items: List<Item> = emptyList(),
    val counts: Map<String, Int> = emptyMap(),
    val color: Color = Color.RED,
    val shape: Shape? = null,
    val isPaid: Boolean = false,
    val weight: Double = 0.0,
)

@Serializable
private data class Item(val name: String, val price: Int) {
    init {
        require(name.isNotEmpty()) { "name must not be empty" }
    }
}

private enum class Color { RED, GREEN }

@Serializable
private sealed class Shape {
    @Serializable
    @SerialName("circle")
    data class Circle(val radius: Int) : Shape()
}

/** Writes the text as a raw literal, which need not be valid JSON. */
@OptIn(ExperimentalSerializationApi::class)
private object BrokenSerializer : KSerializer<String> {
    override val descriptor = PrimitiveSerialDescriptor("broken", PrimitiveKind.STRING)

    override fun serialize(encoder: Encoder, value: String) = (encoder as JsonEncoder).encodeJsonElement(
        JsonUnquotedLiteral(value),
    )

    override fun deserialize(decoder: Decoder): String = decoder.decodeString()
}
