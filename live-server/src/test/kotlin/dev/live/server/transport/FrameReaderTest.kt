package dev.live.server.transport

import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.utils.io.ByteReadChannel

class FrameReaderTest : FunSpec({

    context("the client is told what it did wrong") {
        for (violation in violations) {
            test("${violation.name}: ${violation.reason}") {
                val reader = FrameReader(ByteReadChannel(violation.bytes), LIMIT)

                shouldThrow<SocketViolation> { while (reader.next() != null) continue }.message shouldBe
                    violation.reason
            }
        }
    }

    test("after a violation nothing that follows is taken for a frame") {
        for (violation in violations) {
            val reader = FrameReader(ByteReadChannel(violation.bytes + ByteArray(100)), LIMIT)
            shouldThrow<SocketViolation> { while (reader.next() != null) continue }

            repeat(3) { shouldThrow<SocketViolation> { reader.next() }.message shouldBe violation.reason }
        }
    }
})
