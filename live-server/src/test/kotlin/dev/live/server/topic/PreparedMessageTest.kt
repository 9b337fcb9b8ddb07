package dev.live.server.topic

import dev.live.protocol.JsonCodec
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.server.dialect.DialectTable
import dev.live.server.dialect.ServerEvent
import dev.live.server.frame.Compression
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.support.FakeCodec
import dev.live.server.support.inflated
import dev.live.server.support.payload
import dev.live.server.support.textMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs

class PreparedMessageTest : FunSpec({

    test("a message to a thousand sessions is encoded once per dialect in use") {
        val used = listOf(FakeCodec("a"), FakeCodec("b"))
        val unused = FakeCodec("c")
        val message = PreparedMessage(textMessage("hello"), DialectTable(used + unused))

        repeat(1_000) { session -> message.frameFor(session % 2).payload().decodeToString() shouldBe "hello" }

        used.map { it.encodings.get() } shouldBe listOf(1, 1)
        unused.encodings.get() shouldBe 0
    }

    test("sessions of one dialect share one frame") {
        val message = PreparedMessage(textMessage("hello"), DialectTable(listOf(FakeCodec())))

        message.frameFor(0) shouldBeSameInstanceAs message.frameFor(0)
    }

    test(
        "a message is compressed once for all sessions of a dialect, and encoded once for those without compression too",
    ) {
        val codecs = listOf(FakeCodec("a"), FakeCodec("b"))
        val compressions = ArrayList<OutboundFrame>()
        val dialects = DialectTable(codecs, compressor = { it.also(compressions::add) })
        val message = PreparedMessage(textMessage("hello"), dialects)

        repeat(1_000) { session -> message.frameFor(dialects.compressedSlot(session % 2)) }
        repeat(1_000) { session -> message.frameFor(session % 2) }

        compressions.size shouldBe 2
        codecs.map { it.encodings.get() } shouldBe listOf(1, 1)
    }

    test("without a session that has negotiated compression, nothing is compressed") {
        val dialects = DialectTable(listOf(FakeCodec()), compressor = { error("no session needs it") })
        val message = PreparedMessage(textMessage("hello"), dialects)

        message.frameFor(0).payload().decodeToString() shouldBe "hello"
        MessageBatch(listOf(message), dialects).frameFor(0).payload().decodeToString() shouldBe "hello"
    }

    test("each message of a batch is compressed by itself") {
        val compression = Compression(minBytes = 1, level = 6)
        val dialects = DialectTable(listOf(FakeCodec()), compressor = compression)
        val messages = listOf("a", "b").map { PreparedMessage(textMessage(it.repeat(99)), dialects) }
        val slot = dialects.compressedSlot(0)

        val frame = MessageBatch(messages, dialects).frameFor(slot)

        frame.wire shouldBe messages[0].frameFor(slot).wire + messages[1].frameFor(slot).wire
        messages.map { inflated(it.frameFor(slot).payload()).decodeToString() } shouldBe
            listOf("a".repeat(99), "b".repeat(99))
        compression.close()
    }

    test("the frame of a batch concatenates the frames of its messages, is built once per dialect and counts all") {
        val codecs = DialectTable(listOf(FakeCodec()))
        val messages = listOf("a", "bcd").map { PreparedMessage(textMessage(it), codecs) }
        val run = MessageBatch(messages, codecs)

        val frame = run.frameFor(0)

        frame.wire shouldBe messages[0].frameFor(0).wire + messages[1].frameFor(0).wire
        listOf(frame.count, frame.size) shouldBe listOf(2, 4)
        run.frameFor(0) shouldBeSameInstanceAs frame
    }

    test("a batch of server-sent events consists of the events of its messages") {
        val dialects = DialectTable(listOf(JsonCodec))
        val messages = (1L..2L).map { offset ->
            val message = Message(MessageType.MESSAGE, "t", offset = offset)
            PreparedMessage(ServerEvent.Published(message, "e"), dialects)
        }

        val frame = MessageBatch(messages, dialects).frameFor(dialects.eventsWithIdsSlot)

        frame.wire.decodeToString() shouldBe
            "id: e:1\ndata: {\"type\":\"message\",\"topic\":\"t\",\"offset\":1}\n\n" +
            "id: e:2\ndata: {\"type\":\"message\",\"topic\":\"t\",\"offset\":2}\n\n"
        listOf(frame.count, frame.size) shouldBe listOf(2, frame.wire.size)
    }

    test("messages use text frames, or binary frames with a binary codec") {
        for ((isBinary, opcode) in listOf(false to Opcode.Text, true to Opcode.Binary)) {
            val message = PreparedMessage(textMessage("hello"), DialectTable(listOf(FakeCodec(isBinary = isBinary))))

            message.frameFor(0).opcode shouldBe opcode
        }
    }

    test("a failed encoding is not cached and is retried") {
        val codec = FakeCodec().apply { broken = true }
        val message = PreparedMessage(textMessage("hello"), DialectTable(listOf(codec)))

        runCatching { message.frameFor(0) }.exceptionOrNull()?.message shouldBe "the codec is broken"
        codec.broken = false

        message.frameFor(0).payload().decodeToString() shouldBe "hello"
    }
})
