package dev.live.protocol

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.property.checkAll

/** What every codec has to do with any input, and how long it may take; `CodecTest` has what is tried on every platform. */
abstract class CodecContract(codec: Codec) : FunSpec({

    test("any message is read as it was written") {
        checkAll(iterations = 2_000, arbMessage) { message ->
            codec.decode(codec.encode(message)) shouldBe message
        }
    }

    test("random bytes give a message or are refused") {
        checkAll(iterations = 20_000, arbBytes) { bytes -> codec.decodeOrRefuse(bytes) }
    }

    test("a million opening brackets are refused at once") {
        val bytes = codec.withData("[".repeat(1_000_000))

        takesLinearTime { shouldThrow<MalformedMessageException> { codec.decode(bytes) } }
    }

    test("names whose hashes collide take no more time than others") {
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

        takesLinearTime { codec.decode(bytes) }
    }
})
