package dev.live.protocol

import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

/** Decoding and encoding a `JsonElement` keeps the original text of its numbers. */
class NumberLiteralsTest {
    @Test
    fun `a JsonElement keeps its text`() {
        for (text in numbers) {
            assertEquals(text, roundTrip<JsonElement>(text))
            assertEquals("[$text]", roundTrip<JsonElement>("[$text]"))
            val nested = """{"a":{"b":[1,$text,"$text"]}}"""
            assertEquals(nested, roundTrip<JsonObject>(nested))
            assertEquals("[$text,null,true]", roundTrip<JsonArray>("[$text,null,true]"))
            assertEquals(text, roundTrip<JsonPrimitive>(text))
            assertEquals(text, roundTrip<JsonElement?>(text))
            assertEquals("""{"k":$text}""", roundTrip<Map<String, JsonElement>>("""{"k":$text}"""))
            assertEquals("[[$text]]", roundTrip<List<List<JsonElement?>>>("[[$text]]"))
        }
    }

    @Test
    fun `a JsonElement in a serializable class keeps its text`() {
        for (text in numbers) {
            for (json in listOf(
                """{"op":"add","value":$text}""",
                """{"op":"add","value":[$text],"more":{"k":$text},"next":{"op":"x","value":{"a":$text}}}""",
                """{"op":"add","value":1,"box":{"of":$text}}""",
                """{"op":"add","value":1,"change":{"type":"set","to":$text,"count":18446744073709551615}}""",
                """{"op":"add","value":1,"change":{"type":"list","all":[{"type":"set","to":$text,"count":0}]}}""",
                """{"op":"add","value":1,"change":{"type":"none"}}""",
            )) {
                assertEquals(json, roundTrip<Patch>(json))
            }
        }
    }

    @Test
    fun `subscribe and ack payloads keep the text of numbers`() {
        for (text in numbers) {
            assertEquals("""{"params":{"a":$text}}""", roundTrip<SubscribeData>("""{"params":{"a":$text}}"""))
            assertEquals("""{"welcome":$text}""", roundTrip<WelcomeData>("""{"welcome":$text}"""))
            val ack = """{"epoch":"e","offset":1,"recovered":true,"welcome":[$text]}"""
            assertEquals(ack, roundTrip<SubscribedData>(ack))
        }
    }

    @Test
    fun `a number that JSON cannot represent is rejected`() {
        assertFailsWith<SerializationException> { Body.of<JsonElement>(JsonPrimitive(Double.NaN)) }
        assertFailsWith<SerializationException> { Body.of(Patch("x", JsonPrimitive(Double.POSITIVE_INFINITY))) }
    }

    @Test
    fun `a number out of the range of its type is a bad payload`() {
        for (text in listOf("1e400", "-1e400")) {
            assertFailsWith<BadPayloadException> { message(text).decode<Double>() }
            assertFailsWith<BadPayloadException> { message("[$text]").decode<List<Float>>() }
        }
        for (text in listOf("1e400", "0.5", "12345678901234567890")) {
            assertFailsWith<BadPayloadException>(text) { message(text).decode<Int>() }
            assertFailsWith<BadPayloadException>(text) { message(text).decode<Long>() }
        }
    }

    private val numbers =
        listOf(
            "123456789012345678901234567890",
            "0.1000",
            "-0",
            "-0.0",
            "1e400",
            "-1E+400",
            "1e-400",
            "1E5",
            "1.0",
            "9007199254740993",
            "18446744073709551616",
            "0.30000000000000004440892098500626",
            "0",
            "-7",
        )
}

private fun message(json: String) = Message("x", body = Body.json(json))

private inline fun <reified T> roundTrip(json: String): String = Body.of(message(json).decode<T>()).text

@Serializable
private data class Patch(
    val op: String,
    val value: JsonElement,
    val more: Map<String, JsonElement> = emptyMap(),
    val next: Patch? = null,
    val box: Box<JsonElement?>? = null,
    val change: Change? = null,
)

@Serializable
private data class Box<T>(val of: T)

@Serializable
private sealed class Change {
    @Serializable
    @SerialName("set")
    data class Set(val to: JsonElement, val count: ULong) : Change()

    @Serializable
    @SerialName("list")
    data class All(val all: List<Change>) : Change()

    @Serializable
    @SerialName("none")
    data object None : Change()
}
