package dev.live.server.dialect

import dev.live.protocol.AuthData
import dev.live.protocol.BadPayloadException
import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribeData
import dev.live.protocol.of
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.kotest.matchers.types.shouldBeSameInstanceAs
import kotlinx.serialization.json.JsonPrimitive

class ClientCommandTest : FunSpec({

    test("pings, pongs and tokens are control commands") {
        control(Message(MessageType.PING, ref = "r")).shouldBeInstanceOf<ClientCommand.Ping>().ref shouldBe "r"
        control(Message(MessageType.PONG)) shouldBe ClientCommand.Pong
        val renewal = control(Message(MessageType.AUTH, ref = "r", body = Body.of(AuthData("secret"))))
        renewal.shouldBeInstanceOf<ClientCommand.Authenticate>()
        listOf(renewal.token, renewal.ref) shouldBe listOf("secret", "r")
    }

    test("a token is an ordinary message where the endpoint renews none") {
        val message = Message(MessageType.AUTH)

        ClientCommand.of(message, hasTopics = true, renewsTokens = false).shouldBeInstanceOf<ClientCommand.Other>()
        ClientCommand.isControl(message, renewsTokens = false) shouldBe false
    }

    test("replies and errors are control commands only with a ref of the server") {
        for (type in listOf(MessageType.REPLY, MessageType.ERROR)) {
            val reply = Message(type, ref = "\$1")

            control(reply).shouldBeInstanceOf<ClientCommand.Reply>().message shouldBeSameInstanceAs reply
            val other = Message(type, ref = "1")
            command(other).shouldBeInstanceOf<ClientCommand.Other>()
            ClientCommand.isControl(other, renewsTokens = true) shouldBe false
        }
    }

    test("the payload of a subscribe is decoded once") {
        val data = Body.of(SubscribeData(Position("e", 3), JsonPrimitive("params")))

        val command = command(Message(MessageType.SUBSCRIBE, "t", "r", data))

        command.shouldBeInstanceOf<ClientCommand.Subscribe>()
        listOf(command.topic, command.ref) shouldBe listOf("t", "r")
        command.since shouldBe Position("e", 3)
        command.params shouldBe JsonPrimitive("params")
    }

    test("a subscribe without payload has neither position nor params") {
        val command = command(Message(MessageType.SUBSCRIBE, "t"))

        command.shouldBeInstanceOf<ClientCommand.Subscribe>().run { listOf(since, params) } shouldBe listOf(null, null)
    }

    test("a wrong payload is reported with its field") {
        val subscribe = Message(MessageType.SUBSCRIBE, "t", body = Body.json("""{"since":{"offset":1}}"""))

        shouldThrow<BadPayloadException> { command(subscribe) }.reason shouldBe "since.epoch is missing"
        shouldThrow<BadPayloadException> { control(Message(MessageType.AUTH)) }.reason shouldBe "data is missing"
    }

    test("topic commands need declared topics, and all other messages are the application's") {
        command(Message(MessageType.UNSUBSCRIBE, "t", "r")).shouldBeInstanceOf<ClientCommand.Unsubscribe>()
        val publish = Message(MessageType.PUBLISH, "t")
        command(publish).shouldBeInstanceOf<ClientCommand.Publish>().message shouldBeSameInstanceAs publish

        for (type in listOf(MessageType.SUBSCRIBE, MessageType.UNSUBSCRIBE, MessageType.PUBLISH, "move")) {
            val message = Message(type, "t", body = Body.json("[]"))

            val other = ClientCommand.of(message, hasTopics = false, renewsTokens = true)

            other.shouldBeInstanceOf<ClientCommand.Other>().message shouldBeSameInstanceAs message
        }
    }
})

private fun control(message: Message): ClientCommand {
    ClientCommand.isControl(message, renewsTokens = true) shouldBe true
    return command(message)
}

private fun command(message: Message) = ClientCommand.of(message, hasTopics = true, renewsTokens = true)
