package dev.live.server.topic

import dev.live.server.frame.Opcode
import dev.live.server.support.FakeCodec
import dev.live.server.support.payload
import dev.live.server.support.textMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs

class PreparedMessageTest : FunSpec({

    test("a message to a thousand sessions is encoded once per codec that they speak") {
        val spoken = listOf(FakeCodec("a"), FakeCodec("b"))
        val unspoken = FakeCodec("c")
        val message = PreparedMessage(textMessage("hello"), CodecTable(spoken + unspoken))

        repeat(1_000) { session -> message.frameFor(session % 2).payload().decodeToString() shouldBe "hello" }

        spoken.map { it.encodings.get() } shouldBe listOf(1, 1)
        unspoken.encodings.get() shouldBe 0
    }

    test("sessions of one codec share one frame") {
        val message = PreparedMessage(textMessage("hello"), CodecTable(listOf(FakeCodec())))

        message.frameFor(0) shouldBeSameInstanceAs message.frameFor(0)
    }

    test("a run is the frames of its messages one behind the other, made once per codec, and counts as all of them") {
        val codecs = CodecTable(listOf(FakeCodec()))
        val messages = listOf("a", "bcd").map { PreparedMessage(textMessage(it), codecs) }
        val run = MessageBatch(messages, codecs)

        val frame = run.frameFor(0)

        frame.wire shouldBe messages[0].frameFor(0).wire + messages[1].frameFor(0).wire
        listOf(frame.count, frame.size) shouldBe listOf(2, 4)
        run.frameFor(0) shouldBeSameInstanceAs frame
    }

    test("messages travel in text frames, or in binary ones where the codec is binary") {
        for ((isBinary, opcode) in listOf(false to Opcode.Text, true to Opcode.Binary)) {
            val message = PreparedMessage(textMessage("hello"), CodecTable(listOf(FakeCodec(isBinary = isBinary))))

            message.frameFor(0).opcode shouldBe opcode
        }
    }

    test("an encoding that failed is tried again, and is nobody's frame") {
        val codec = FakeCodec().apply { broken = true }
        val message = PreparedMessage(textMessage("hello"), CodecTable(listOf(codec)))

        runCatching { message.frameFor(0) }.exceptionOrNull()?.message shouldBe "the codec is broken"
        codec.broken = false

        message.frameFor(0).payload().decodeToString() shouldBe "hello"
    }
})
