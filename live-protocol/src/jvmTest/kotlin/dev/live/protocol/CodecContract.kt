package dev.live.protocol

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.property.checkAll

/** Property tests and time complexity tests for every codec. `CodecTest` has the tests for every platform. */
abstract class CodecContract(codec: Codec) : FunSpec({

    test("any message survives encoding and decoding") {
        checkAll(iterations = 2_000, arbMessage) { message ->
            codec.decode(codec.encode(message)) shouldBe message
        }
    }

    test("random bytes are decoded or rejected") {
        checkAll(iterations = 20_000, arbBytes) { bytes -> codec.decodeOrReject(bytes) }
    }

    test("a million opening brackets are rejected in linear time") {
        val bytes = codec.withData("[".repeat(1_000_000))

        assertLinearTime { shouldThrow<MalformedMessageException> { codec.decode(bytes) } }
    }

    test("names with colliding hashes are decoded in linear time") {
        val colliding = (0 until 131_072).map { i ->
            (0 until 17).joinToString("") {
                if ((i shr it) % 2 ==
                    0
                ) {
                    "Aa"
                } else {
                    "BB"
                }
            }
        }
        check(colliding.mapTo(HashSet()) { it.hashCode() }.size == 1)
        val bytes = codec.withData(colliding.joinToString(",", "{", "}") { "\"$it\":0" })

        assertLinearTime { codec.decode(bytes) }
    }
})
