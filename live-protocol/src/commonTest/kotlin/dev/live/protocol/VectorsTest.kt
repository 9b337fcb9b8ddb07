package dev.live.protocol

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

/** Tests every codec of the platform against the test vectors. */
class VectorsTest {
    @Test
    fun `encoding a message gives the bytes of its vector`() =
        forEachMessage { codec, vector ->
            val encoded = codec.encode(vector.message.toMessage()).toHexString()

            assertEquals(vector.encodedBy(codec).toHexString(), encoded, vector.name)
        }

    @Test
    fun `decoding a vector gives its message`() =
        forEachMessage { codec, vector ->
            assertEquals(vector.message.toMessage(), codec.decode(vector.encodedBy(codec)), vector.name)
        }

    @Test
    fun `non-canonical input is decoded`() =
        forEachInput(Vectors.accepted) { codec, vector ->
            assertEquals(vector.expected, codec.decode(vector.bytes), vector.toString())
        }

    @Test
    fun `invalid input is rejected with a reason`() =
        forEachInput(Vectors.rejected) { codec, vector ->
            val error = assertFailsWith<MalformedMessageException>(vector.toString()) { codec.decode(vector.bytes) }

            assertTrue(error.reason.isNotEmpty(), vector.toString())
        }

    @Test
    fun `the error for a well-formed message has its topic and ref`() {
        val inputs = Vectors.rejected.filter { it.answer != null }
        forEachInput(inputs) { codec, vector ->
            val error = assertFailsWith<MalformedMessageException>(vector.toString()) { codec.decode(vector.bytes) }

            assertEquals(vector.answer, VectorAnswer(error.topic, error.ref), vector.toString())
        }
    }

    @Test
    fun `every message type of the protocol has a vector`() {
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
