package dev.live.server.topic

import dev.live.server.support.FakeCodec
import dev.live.server.support.wordMessage
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeSameInstanceAs

class PreparedMessageTest : FunSpec({

    test("a message to a thousand sessions is encoded once per codec that they speak") {
        val spoken = listOf(FakeCodec("a"), FakeCodec("b"))
        val unspoken = FakeCodec("c")
        val message = PreparedMessage(wordMessage("hello"), CodecTable(spoken + unspoken))

        repeat(1_000) { session -> message.bytesFor(session % 2).decodeToString() shouldBe "hello" }

        spoken.map { it.encodings.get() } shouldBe listOf(1, 1)
        unspoken.encodings.get() shouldBe 0
    }

    test("sessions of one codec share one array") {
        val message = PreparedMessage(wordMessage("hello"), CodecTable(listOf(FakeCodec())))

        message.bytesFor(0) shouldBeSameInstanceAs message.bytesFor(0)
    }

    test("an encoding that failed is tried again, and is nobody's bytes") {
        val codec = FakeCodec().apply { broken = true }
        val message = PreparedMessage(wordMessage("hello"), CodecTable(listOf(codec)))

        runCatching { message.bytesFor(0) }.exceptionOrNull()?.message shouldBe "the codec is broken"
        codec.broken = false

        message.bytesFor(0).decodeToString() shouldBe "hello"
    }
})
