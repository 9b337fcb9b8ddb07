package dev.live.server.dialect

import dev.live.protocol.Body
import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.ErrorCode
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.toMessage
import dev.live.server.dialect.EventStreamDialect.Companion.SUBSCRIBE_REF
import dev.live.server.frame.Opcode
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs
import kotlin.time.Duration.Companion.seconds

class EventStreamDialectTest : FunSpec({

    val withIds = EventStreamDialect(JsonCodec, hasIds = true)
    val withoutIds = EventStreamDialect(JsonCodec, hasIds = false)
    val publication = ServerEvent.Published(Message(MessageType.MESSAGE, "t", body = Body.json("1"), offset = 5), "e")

    test("a publication is an event with its position as id") {
        withIds.text(publication) shouldBe
            "id: e:5\ndata: {\"type\":\"message\",\"topic\":\"t\",\"data\":1,\"offset\":5}\n\n"
    }

    test("events of topics without history and all other messages have no id") {
        val message = Message(MessageType.MESSAGE, "t", offset = 5)

        for (event in listOf(ServerEvent.Sent(message), ServerEvent.Published(message))) {
            withIds.text(event) shouldBe "data: {\"type\":\"message\",\"topic\":\"t\",\"offset\":5}\n\n"
        }
        withIds.text(ServerEvent.Published(Message("x"), "e")) shouldBe "data: {\"type\":\"x\"}\n\n"
    }

    test("the ack of the subscribe has the client's position as id") {
        val ack = Message(MessageType.ACK, "t", SUBSCRIBE_REF)
        val data = "data: {\"type\":\"ack\",\"topic\":\"t\",\"ref\":\"~sse\"}\n\n"

        withIds.text(ServerEvent.Subscribed(ack, Position("e", 2))) shouldBe "id: e:2\n$data"
        withIds.text(ServerEvent.Subscribed(ack, position = null)) shouldBe data
    }

    test("events of other topics than the requested one have no id") {
        val joined = ServerEvent.Subscribed(Message(MessageType.SUBSCRIBE, "t"), Position("e", 2))

        withoutIds.text(publication) shouldBe
            "data: {\"type\":\"message\",\"topic\":\"t\",\"data\":1,\"offset\":5}\n\n"
        withoutIds.text(joined) shouldBe "data: {\"type\":\"subscribe\",\"topic\":\"t\"}\n\n"
    }

    test("line breaks of a codec cannot start an event") {
        val codec =
            object : Codec by JsonCodec {
                override fun encode(message: Message) = "{\"type\":\"x\",\r\n\n\"data\":1}".encodeToByteArray()
            }

        EventStreamDialect(codec, hasIds = false).text(ServerEvent.Sent(Message("x"))) shouldBe
            "data: {\"type\":\"x\",   \"data\":1}\n\n"
    }

    test("a frame counts as one message with the bytes of the event") {
        val frame = withIds.encode(publication)

        listOf(frame.opcode, frame.count, frame.size) shouldBe listOf(Opcode.Text, 1, frame.wire.size)
    }

    test("a ping is a comment that all streams share, and a pong has no bytes") {
        val ping = withIds.encode(ServerEvent.Ping)

        ping.opcode shouldBe Opcode.Ping
        ping.wire.decodeToString() shouldBe ":\n\n"
        withoutIds.encode(ServerEvent.Ping) shouldBeSameInstanceAs ping
        withIds.encode(ServerEvent.Pong(byteArrayOf(1))).run { opcode to wire.size } shouldBe (Opcode.Pong to 0)
    }

    test("only the ack and the errors of the subscribe are replies to it") {
        val error = LiveException(ErrorCode.Forbidden, "no")
        val replies =
            listOf(Message(MessageType.ACK, "t", SUBSCRIBE_REF), error.toMessage("t", SUBSCRIBE_REF), error.toMessage())
        val others =
            listOf(
                Message(MessageType.ACK, "t", "other"),
                error.toMessage("t", "other"),
                Message(MessageType.REPLY, "t", SUBSCRIBE_REF),
                Message("x", ref = SUBSCRIBE_REF),
            )

        for (dialect in listOf(withIds, withoutIds)) {
            for (reply in replies) dialect.encode(ServerEvent.Sent(reply)).subscribeReply shouldBeSameInstanceAs reply
            for (other in others) dialect.encode(ServerEvent.Sent(other)).subscribeReply.shouldBeNull()
        }
    }

    test("the subscribe in the request is decoded like a message of the codec") {
        val subscribe = Message(MessageType.SUBSCRIBE, "t", SUBSCRIBE_REF)

        withoutIds.decode(JsonCodec.encode(subscribe), isText = true, DecodeLimits.Default) shouldBe subscribe
    }

    test("the reconnect delay and the last event") {
        EventText.retry(7.seconds).decodeToString() shouldBe "retry: 7000\n\n"
        EventText.close(4508, "a \"reason\"\n", 7.seconds).decodeToString() shouldBe
            "retry: 7000\nevent: close\ndata: {\"code\":4508,\"reason\":\"a \\\"reason\\\"\\n\"}\n\n"
    }
})

private fun Dialect.text(event: ServerEvent): String = encode(event).wire.decodeToString()
