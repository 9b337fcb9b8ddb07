package dev.live.server.dialect

import dev.live.protocol.Body
import dev.live.protocol.CborCodec
import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.JsonCodec
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessagePackCodec
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.server.frame.Opcode
import dev.live.server.support.payload
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs

class WebSocketDialectTest : FunSpec({

    for (codec in listOf<Codec>(JsonCodec, CborCodec, MessagePackCodec)) {
        context(codec.subprotocol) {
            val dialect = WebSocketDialect(codec)
            val opcode = if (codec.isBinary) Opcode.Binary else Opcode.Text

            test("every event with a message is one frame with the encoded message") {
                val message = Message(MessageType.MESSAGE, "t", "r", Body.json("1"), offset = 3)
                val events =
                    listOf(
                        ServerEvent.Sent(message),
                        ServerEvent.Published(message),
                        ServerEvent.Published(message, "e"),
                        ServerEvent.Subscribed(message, Position("e", 3)),
                    )

                for (event in events) {
                    val frame = dialect.encode(event)

                    frame.opcode shouldBe opcode
                    frame.payload() shouldBe codec.encode(message)
                    frame.wire.size shouldBe frame.payload().size + 2 // the header
                    frame.subscribeReply.shouldBeNull()
                }
            }

            test("a ping is an empty frame that all sessions share") {
                val frame = dialect.encode(ServerEvent.Ping)

                frame.wire shouldBe byteArrayOf(0x89.toByte(), 0)
                dialect.encode(ServerEvent.Ping) shouldBeSameInstanceAs frame
            }

            test("a pong repeats the payload of the ping") {
                dialect.encode(ServerEvent.Pong(byteArrayOf(7, 8))).wire shouldBe byteArrayOf(0x8A.toByte(), 2, 7, 8)
            }

            test("a message in the wrong type of frame is rejected with its topic and ref") {
                val bytes = codec.encode(Message("x", "t", "r"))

                dialect.decode(bytes, isText = !codec.isBinary, DecodeLimits.Default) shouldBe Message("x", "t", "r")
                val failure =
                    shouldThrow<MalformedMessageException> {
                        dialect.decode(bytes, isText = codec.isBinary, DecodeLimits.Default)
                    }

                val (expected, actual) = if (codec.isBinary) "binary" to "text" else "text" to "binary"
                failure.reason shouldBe "${codec.subprotocol} requires $expected frames, was a $actual frame"
                listOf(failure.topic, failure.ref) shouldBe listOf("t", "r")
            }
        }
    }
})
