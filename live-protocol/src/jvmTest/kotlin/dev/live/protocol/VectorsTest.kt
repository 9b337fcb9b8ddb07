package dev.live.protocol

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.collections.shouldContainAll
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldNotBeEmpty

class VectorsTest : FunSpec({

    for (codec in codecs) {
        test("every message is written as its vector says by ${codec.subprotocol}") {
            Vectors.messages.forAll {
                codec.encode(it.message.toMessage()).toHexString() shouldBe it.encodings.getValue(codec).toHexString()
            }
        }

        test("every vector is read as its message by ${codec.subprotocol}") {
            Vectors.messages.forAll { codec.decode(it.encodings.getValue(codec)) shouldBe it.message.toMessage() }
        }

        test("unusual input is read as its message by ${codec.subprotocol}") {
            Vectors.accepted.filter { it.codec == codec }.forAll { it.codec.decode(it.bytes) shouldBe it.expected }
        }

        test("what is no message is refused with a reason by ${codec.subprotocol}") {
            Vectors.rejected.filter { it.codec == codec }.forAll { vector ->
                shouldThrow<MalformedMessageException> { codec.decode(vector.bytes) }.reason.shouldNotBeEmpty()
            }
        }
    }

    test("there is a vector for every conventional type") {
        val types =
            with(MessageType) {
                listOf(
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

        Vectors.messages.map { it.message.toMessage().type } shouldContainAll types
    }
})
