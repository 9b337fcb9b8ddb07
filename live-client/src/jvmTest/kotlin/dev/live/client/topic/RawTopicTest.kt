package dev.live.client.topic

import dev.live.client.clientTest
import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe

class RawTopicTest : FunSpec({

    test("a raw topic publishes the body of a message") {
        clientTest {
            client.rawTopic("room").publish(Message(MessageType.MESSAGE, "room", body = Body.json("7")))

            transport.wire.sent(MessageType.PUBLISH).single().body shouldBe Body.json("7")
        }
    }

    test("a raw topic does not publish a message of another type or without a body") {
        clientTest {
            val raw = client.rawTopic("room")

            shouldThrow<IllegalArgumentException> { raw.publish(Message("typing", "room", body = Body.json("7"))) }
                .message shouldBe "cannot publish a message of type 'typing'. Use LiveClient.send(message)."
            shouldThrow<IllegalArgumentException> { raw.publish(Message(MessageType.MESSAGE, "room")) }
                .message shouldBe "cannot publish a message without a body"
        }
    }
})
