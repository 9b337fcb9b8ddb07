package dev.live.protocol

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

/** Decodes the `since` of a `subscribe` in the forms that encoders write. */
class SubscribeDataTest {
    @Test
    fun `an offset is any JSON number that is an integer in range`() {
        mapOf(
            "2" to 2L,
            "2.0" to 2L, // Gson 2.13.2, from an ack decoded to a Map
            "2.000e0" to 2L,
            "20e-1" to 2L,
            "0.002E3" to 2L,
            "-0" to 0L,
            "-0.0" to 0L,
            "0e999999999999999999999" to 0L,
            "9223372036854775807" to Long.MAX_VALUE,
            "9223372036854775807.0" to Long.MAX_VALUE,
            "9.223372036854775807e+18" to Long.MAX_VALUE,
        ).forEach { (text, offset) -> assertEquals(Position("e", offset), sinceIn(text), text) }
    }

    @Test
    fun `any other offset is rejected`() {
        val range = "since.offset must be an integer from 0 to 9223372036854775807"
        mapOf(
            "2.5" to "$range, was an unsupported number",
            "1e-1" to "$range, was an unsupported number",
            "1e19" to "$range, was an unsupported number",
            "9223372036854775808" to "$range, was an unsupported number",
            "1e999999999999999999999" to "$range, was an unsupported number",
            "1e-999999999999999999999" to "$range, was an unsupported number",
            "\"1\"" to "$range, was a string",
            "true" to "$range, was a boolean",
            "[1]" to "$range, was an array",
            "{}" to "$range, was an object",
            "null" to "since.offset is missing",
            "-1" to "offset must not be negative, was -1",
        ).forEach { (text, reason) ->
            assertEquals(reason, assertFailsWith<BadPayloadException>(text) { sinceIn(text) }.reason, text)
        }
    }

    @Test
    fun `a position with only null fields is absent`() {
        for (since in listOf("null", """{"epoch":null,"offset":null}""", """{"epoch":null}""", "{}")) {
            assertEquals(null, subscribe("""{"since":$since}""").since, since)
        }
        assertEquals(null, subscribe("""{"since":null,"params":null}""").params)
    }

    @Test
    fun `an incomplete position or an epoch of the wrong type is rejected`() {
        mapOf(
            """{"offset":1}""" to "since.epoch is missing",
            """{"epoch":"e"}""" to "since.offset is missing",
            """{"epoch":1,"offset":1}""" to "since.epoch must be a string",
            """{"epoch":"","offset":1}""" to "epoch must be 1 to 64 bytes",
            "[1]" to "since must be an object with epoch and offset",
        ).forEach { (since, reason) ->
            assertEquals(reason, assertFailsWith<BadPayloadException> { subscribe("""{"since":$since}""") }.reason)
        }
    }

    @Test
    fun `the offset of an ack accepts the same forms`() {
        val ack = Message("ack", body = Body.json("""{"epoch":"e","offset":2.0,"recovered":false}"""))

        assertEquals(2, ack.decode<SubscribedData>().offset)
    }

    @Test
    fun `the encoded form of a position`() {
        assertEquals("""{"since":{"epoch":"e","offset":5}}""", Body.of(SubscribeData(Position("e", 5))).text)
        assertEquals("{}", Body.of(SubscribeData()).text)
    }

    private fun sinceIn(offset: String) = subscribe("""{"since":{"epoch":"e","offset":$offset}}""").since

    private fun subscribe(data: String) = Message("subscribe", "t", body = Body.json(data)).decode<SubscribeData>()
}
