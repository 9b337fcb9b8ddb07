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

/** The limit of unacknowledged bytes, for a server that does not read and an engine that buffers without limit. */
class SendWindowTest : FunSpec({

    test("with replies the client never suspends, and sends one ping per half window") {
        clientTest {
            settle()
            val sending = start { repeat(40) { client.send(large) } }
            settle()

            sending.isCompleted shouldBe true
            transport.wire.sent(MessageType.PING) shouldHaveSize 6 // 40 messages of 100,000 bytes, six per half window
        }
    }

    test("without a reply the client sends one window, and continues after the reply") {
        clientTest {
            transport.onMessage = { true }
            settle()
            val sending = start { repeat(40) { client.send(large) } }
            settle()

            transport.wire.sent("large") shouldHaveSize 11
            transport.wire.accept(transport.wire.sent(MessageType.PING).single())
            settle()

            transport.wire.sent("large") shouldHaveSize 17
            sending.cancel()
        }
    }

    test("a rejected ping counts as a reply") {
        clientTest {
            transport.onMessage = { message ->
                if (message.type == MessageType.PING) reject(message, "rate_limited", "too many")
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
