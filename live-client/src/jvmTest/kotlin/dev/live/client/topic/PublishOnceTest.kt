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

/** Publishing with an idempotency key. */
class PublishOnceTest : FunSpec({

    test("it is resent with its key on each new connection until it is acked") {
        clientTest {
            transport.onMessage = { it.type == MessageType.PUBLISH } // possibly published, but not acked
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

    test("after the timeout the outcome is unknown, also if no new connection was made") {
        clientTest({ requestTimeout = 5.seconds }) {
            transport.onMessage = { it.type == MessageType.PUBLISH }
            val publishing = start { shouldThrow<LiveException> { room().publishOnce("m1", hello) } }
            settle()
            transport.isUnreachable = true
            transport.wire.cut()
            pass(5.seconds)

            val failure = publishing.await()
            failure.code shouldBe ErrorCode.Timeout
            failure.reason shouldBe "no reply to 'publish' within 5s; the server may have processed it"
        }
    }

    test("a rejection is final") {
        clientTest {
            transport.onMessage = { message ->
                reject(message, "bad_payload", "the topic does not accept keys").let { true }
            }

            val publishing = start { shouldThrow<LiveException> { room().publishOnce("m1", hello) } }
            settle()

            publishing.await().code shouldBe ErrorCode.BadPayload
            transport.wire.sent(MessageType.PUBLISH).size shouldBe 1
        }
    }
})
