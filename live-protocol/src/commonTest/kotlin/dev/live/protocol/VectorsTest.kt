package dev.live.protocol

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

/** Every codec of the platform against the golden vectors. */
class VectorsTest {
    @Test
    fun `every message is written as its vector says`() =
        forEachMessage { codec, vector ->
            val written = codec.encode(vector.message.toMessage()).toHexString()

            assertEquals(vector.encodedBy(codec).toHexString(), written, vector.name)
        }

    @Test
    fun `every vector is read as its message`() =
        forEachMessage { codec, vector ->
            assertEquals(vector.message.toMessage(), codec.decode(vector.encodedBy(codec)), vector.name)
        }

    @Test
    fun `unusual input is read as its message`() =
        forEachInput(Vectors.accepted) { codec, vector ->
            assertEquals(vector.expected, codec.decode(vector.bytes), vector.toString())
        }

    @Test
    fun `what is no message is refused with a reason`() =
        forEachInput(Vectors.rejected) { codec, vector ->
            val refusal = assertFailsWith<MalformedMessageException>(vector.toString()) { codec.decode(vector.bytes) }

            assertTrue(refusal.reason.isNotEmpty(), vector.toString())
        }

    @Test
    fun `a refusal carries the topic and ref of a message that is well-formed`() {
        val inputs = Vectors.rejected.filter { it.answer != null }
        forEachInput(inputs) { codec, vector ->
            val refusal = assertFailsWith<MalformedMessageException>(vector.toString()) { codec.decode(vector.bytes) }

            assertEquals(vector.answer, VectorAnswer(refusal.topic, refusal.ref), vector.toString())
        }
    }

    @Test
    fun `there is a vector for every conventional type`() {
        val types =
            with(MessageType) {
                setOf(
                    SUBSCRIBE,
                    UNSUBSCRIBE,
                    PUBLISH,
                    ACK,
                    MESSAGE,
                    REPLY,
                    ERROR,
                    PRESENCE,
                    AUTH,
                    EXPIRING,
                    PING,
                    PONG,
                    GOODBYE,
                )
            }

        assertEquals(emptySet(), types - Vectors.messages.map { it.message.toMessage().type }.toSet())
    }

    private fun forEachMessage(check: (Codec, ValidVector) -> Unit) {
        assertTrue(Vectors.messages.size > 20)
        for (codec in codecs) Vectors.messages.forEach { check(codec, it) }
    }

    private fun forEachInput(inputs: List<InputVector>, check: (Codec, InputVector) -> Unit) {
        for (codec in codecs) {
            val ofCodec = inputs.filter { it.subprotocol == codec.subprotocol }
            assertTrue(ofCodec.isNotEmpty(), codec.subprotocol)
            ofCodec.forEach { check(codec, it) }
        }
    }
}
