package dev.live.protocol

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotEquals

class MessageTest {
    @Test
    fun `fields accept their maximum size in bytes of UTF-8`() {
        assertEquals(128, Message("t".repeat(64), "é".repeat(128), "😀".repeat(16)).topic.length)
    }

    @Test
    fun `a field that is too long, empty or invalid Unicode is rejected by name`() {
        fun failure(make: () -> Message) = assertFailsWith<IllegalArgumentException> { make() }.message

        assertEquals("type must not be empty", failure { Message("") })
        assertEquals("type must be at most 64 bytes, was 65 or more", failure { Message("t".repeat(65)) })
        assertEquals("type must be at most 64 bytes, was 66 or more", failure { Message("é".repeat(33)) })
        assertEquals(
            "topic must be at most 256 bytes, was 257 or more",
            failure {
                Message(
                    "x",
                    topic =
                        "😀".repeat(64) + "a",
                )
            },
        )
        assertEquals("ref must be at most 64 bytes, was 65 or more", failure { Message("x", ref = "r".repeat(65)) })
        assertEquals(
            "ref is not valid Unicode: it contains an unpaired surrogate",
            failure {
                Message("x", ref = "\ud83d")
            },
        )
        assertEquals("trace must be at most 64 bytes, was 65 or more", failure { Message("x", trace = "t".repeat(65)) })
        assertEquals("offset must not be negative, was -1", failure { Message("x", offset = -1) })
    }

    @Test
    fun `control characters in a topic are rejected`() {
        listOf("\u0000", "a\nb", "\u001f", "\u007f", "\u0085").forEach { topic ->
            assertEquals(
                "topic must not contain control characters",
                assertFailsWith<IllegalArgumentException> {
                    Message("x", topic)
                }.message,
            )
        }
        assertEquals("\u0000", Message("a\nb", " \u00a0\u2028", "\u0000").ref)
    }

    @Test
    fun `equals and hashCode compare all fields`() {
        val message = Message("x", "t", "r", Body.json("1"), 5)

        assertEquals(Message("x", "t", "r", Body.json("1"), 5), message)
        assertEquals(Message("x", "t", "r", Body.json("1"), 5).hashCode(), message.hashCode())
        listOf(
            Message("y", "t", "r", Body.json("1"), 5),
            Message("x", "u", "r", Body.json("1"), 5),
            Message("x", "t", "s", Body.json("1"), 5),
            Message("x", "t", "r", Body.json("2"), 5),
            Message("x", "t", "r", Body.json("1"), 6),
            Message("x", "t", "r", Body.json("1")),
            Message("x", "t", "r", Body.json("1"), 5, "00-1"),
        ).forEach { assertNotEquals(message, it) }
    }

    @Test
    fun `toString omits the payload`() {
        assertEquals(
            "Message(type=publish, topic=room/1, ref=r1, body=JSON of 8 characters, offset=7)",
            Message("publish", "room/1", "r1", Body.json("\"secret\""), 7).toString(),
        )
        assertEquals("Message(type=ping)", Message("ping").toString())
    }

    @Test
    fun `toString of AuthData omits the token`() {
        assertEquals("AuthData", AuthData("secret").toString())
    }
}
