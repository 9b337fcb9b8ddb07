package dev.live.client.topic

import dev.live.client.clientTest
import dev.live.client.hello
import dev.live.client.room
import dev.live.client.start
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.MessageType
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlin.time.Duration.Companion.seconds

/** What is published with a key, by which a server that keeps them knows it. */
class PublishOnceTest : FunSpec({

    test("it is sent again on the next connection with its key, until it is acked") {
        clientTest {
            transport.onMessage = { it.type == MessageType.PUBLISH } // carried out, perhaps, and not acked
            val publishing = start { room().publishOnce("m1", hello) }
            settle()
            transport.wire.cut()
            pass(1.seconds)
            transport.wire.cut()
            transport.onMessage = { false }
            pass(1.seconds)

            publishing.await()
            transport.connections.flatMap { it.sent(MessageType.PUBLISH) }.map { it.ref } shouldContainExactly
                listOf("=m1", "=m1", "=m1")
        }
    }

    test("when its time is over the outcome is not known, also where the last connection was never made") {
        clientTest({ requestTimeout = 5.seconds }) {
            transport.onMessage = { it.type == MessageType.PUBLISH }
            val publishing = start { shouldThrow<LiveException> { room().publishOnce("m1", hello) } }
            settle()
            transport.isUnreachable = true
            transport.wire.cut()
            pass(5.seconds)

            val failure = publishing.await()
            failure.code shouldBe ErrorCode.Timeout
            failure.reason shouldBe "no answer to 'publish' within 5s; whether it was carried out is not known"
        }
    }

    test("a refusal is final") {
        clientTest {
            transport.onMessage = { message ->
                refuse(message, "bad_payload", "the topic does not accept keys").let { true }
            }

            val publishing = start { shouldThrow<LiveException> { room().publishOnce("m1", hello) } }
            settle()

            publishing.await().code shouldBe ErrorCode.BadPayload
            transport.wire.sent(MessageType.PUBLISH).size shouldBe 1
        }
    }
})
