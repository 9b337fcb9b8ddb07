package dev.live.client.connection

import dev.live.client.clientTest
import dev.live.client.start
import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.shouldBe

/** What may be on its way to a server that takes nothing, over an engine that takes everything. */
class SendWindowTest : FunSpec({

    test("a client that is answered never waits, and asks once for each half of what may be on its way") {
        clientTest {
            settle()
            val sending = start { repeat(40) { client.send(large) } }
            settle()

            sending.isCompleted shouldBe true
            transport.wire.sent(MessageType.PING) shouldHaveSize 6 // 40 of 100,000 bytes, six to each half of it
        }
    }

    test("a client that is not answered sends as much as may be on its way, and goes on when it is") {
        clientTest {
            transport.onMessage = { true }
            settle()
            val sending = start { repeat(40) { client.send(large) } }
            settle()

            transport.wire.sent("large") shouldHaveSize 11
            transport.wire.answer(transport.wire.sent(MessageType.PING).single())
            settle()

            transport.wire.sent("large") shouldHaveSize 17
            sending.cancel()
        }
    }

    test("a ping that is refused has arrived as well") {
        clientTest {
            transport.onMessage = { message ->
                if (message.type == MessageType.PING) refuse(message, "rate_limited", "too many")
                true
            }
            settle()
            val sending = start { repeat(40) { client.send(large) } }
            settle()

            sending.isCompleted shouldBe true
        }
    }

    test("small messages need no ping") {
        clientTest {
            settle()
            repeat(1_000) { client.send(Message("small")) }

            transport.wire.sent(MessageType.PING).shouldBeEmpty()
        }
    }
})

private val large = Message("large", body = Body.json("\"${"x".repeat(99_950)}\""))
