package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.WelcomeData
import dev.live.protocol.of
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement

class SubscribeAckTest : FunSpec({

    test("without a history the ack stays as it is") {
        val ack = ack(welcome = Json.parseToJsonElement("1"))

        val event = subscribed(ack, position = null, recoveredSince = null)

        event.message shouldBeSameInstanceAs ack
        event.position.shouldBeNull()
    }

    test("the data is that of the protocol's type, with any epoch and any welcome value") {
        val welcomes = listOf(null, "null", "1", "\"}\"", "{}", """{"a":{"b":[1,2]}}""", "0.1000").map { text ->
            text?.let(Json::parseToJsonElement)
        }

        for (welcome in welcomes) {
            for (epoch in listOf("e", "a\"b\\c\n", "\u00e9")) {
                val event = subscribed(ack(welcome), Position(epoch, 4), recoveredSince = null)

                event.message shouldBe
                    Message(MessageType.ACK, "t", "r", Body.of(SubscribedData(epoch, 4, recovered = false, welcome)))
            }
        }
    }

    test("a recovered client continues from the position it requested, others from the newest") {
        val since = Position("e", 2)

        val recovered = subscribed(ack(), Position("e", 4), recoveredSince = since)
        val notRecovered = subscribed(ack(), Position("e", 4), recoveredSince = null)

        recovered.position shouldBe since
        recovered.message.body shouldBe Body.of(SubscribedData("e", 4, recovered = true))
        notRecovered.position shouldBe Position("e", 4)
    }
})

private fun ack(welcome: JsonElement? = null) =
    Message(MessageType.ACK, "t", "r", welcome?.let { Body.of(WelcomeData(it)) })
