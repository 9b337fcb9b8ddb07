@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.transport

import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribedData
import dev.live.protocol.of
import dev.live.protocol.toMessage
import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.utils.io.ByteChannel
import io.ktor.utils.io.availableForRead
import io.ktor.utils.io.readAvailable
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import java.io.IOException
import kotlin.time.Duration.Companion.seconds

class EventSocketTest : FunSpec({

    test("the socket receives the subscribe, then a ping, then nothing") {
        runTest {
            val socket = Stream().socket

            socket.receive().shouldBeInstanceOf<Inbound.Data>().bytes.decodeToString() shouldBe
                """{"type":"subscribe","topic":"room/1","ref":"r"}"""
            socket.receive().shouldBeInstanceOf<Inbound.Ping>()
            val silent = async { socket.receive() }
            runCurrent()

            silent.isActive shouldBe true
            socket.abort()
            silent.await().shouldBeNull()
        }
    }

    test("the stream starts when the subscribe is acked, and earlier messages are not lost") {
        runTest {
            val stream = Stream()

            stream.write(text(Message("welcome")))
            stream.socket.start.isCompleted shouldBe false
            stream.write(text(ACK), text(Message("hello")))

            stream.socket.start.await() shouldBe StreamStart.Started
            stream.events().data() shouldContainExactly
                listOf(
                    """{"type":"welcome"}""",
                    """{"type":"ack","topic":"room/1","ref":"r"}""",
                    """{"type":"hello"}""",
                )
        }
    }

    test("a rejected subscribe is reported, writes nothing and ends with a close frame") {
        runTest {
            val stream = Stream()
            repeat(2) { stream.socket.receive() }

            stream.write(text(LiveException(ErrorCode.Forbidden, "no").toMessage("room/1", "r")), text(Message("more")))

            val rejected = stream.socket.start.await().shouldBeInstanceOf<StreamStart.Rejected>()
            rejected.error.code shouldBe "forbidden"
            stream.socket.receive().shouldBeInstanceOf<Inbound.Close>().code shouldBe 1000
            stream.socket.close(1000, "", closeReceived = true)
            stream.output.availableForRead shouldBe 0
        }
    }

    test("the pong after the subscribe starts a stream without an ack") {
        runTest {
            val stream = Stream()

            stream.write(OutboundFrame(Opcode.Pong, ByteArray(0)))

            stream.socket.start.await() shouldBe StreamStart.Started
        }
    }

    test("more than 64 KiB before the ack start the stream") {
        runTest {
            val stream = Stream()

            stream.write(text(Message("big", body = Body.of("x".repeat(70_000)))))

            stream.socket.start.await() shouldBe StreamStart.Started
        }
    }

    test("a close before the ack is reported with its code") {
        runTest {
            val stream = Stream()

            stream.socket.close(4403, "enough", closeReceived = false)

            val ended = stream.socket.start.await().shouldBeInstanceOf<StreamStart.Ended>()
            ended.code shouldBe CloseCode.Kicked
            ended.reason shouldBe "enough"
        }
    }

    test("only messages of the topic have an event id, and batches are split into events") {
        runTest {
            val stream = Stream()
            stream.write(text(joined(recovered = false)))
            val batch =
                OutboundFrame.concat(
                    listOf(text(message(5)), text(message(1, topic = "room/2")), text(Message("other"))),
                )

            stream.write(batch, text(message(6, size = 200)), text(message(7, size = 70_000)))

            stream.events().ids() shouldContainExactly listOf("e:4", "e:5", null, null, "e:6", "e:7")
        }
    }

    test("the ack of a recovery has the requested position as id, because the missed messages follow") {
        runTest {
            val stream = Stream(since = Position("e", 2))

            stream.write(text(joined(recovered = true)), text(message(3)))

            stream.events().ids() shouldContainExactly listOf("e:2", "e:3")
        }
    }

    test("without history events have no ids") {
        runTest {
            val stream = Stream()

            stream.write(text(ACK), text(message(3)))

            stream.events().ids() shouldContainExactly listOf(null, null)
        }
    }

    test("line breaks in a message of another codec cannot start an event") {
        runTest {
            val stream = Stream()

            stream.write(text(ACK), OutboundFrame(Opcode.Text, "{\"type\":\"x\",\r\n\n\"data\":1}".encodeToByteArray()))

            stream.events().data().last() shouldBe """{"type":"x",   "data":1}"""
        }
    }

    test("a ping is a comment, and counts as received once it is read") {
        runTest {
            val stream = Stream()
            repeat(2) { stream.socket.receive() }
            stream.write(text(ACK))
            stream.events()
            val received = async { stream.socket.receive() }
            runCurrent()
            received.isActive shouldBe true

            stream.write(OutboundFrame(Opcode.Ping, ByteArray(0)))

            stream.readOutput() shouldBe ":\n\n"
            received.await() shouldBe Inbound.Pong
        }
    }

    test("close writes a last event with the reason and returns once it is read") {
        runTest {
            val stream = Stream()
            stream.write(text(ACK))
            stream.events()

            val closing = launch { stream.socket.close(4508, "a \"reason\"\n", closeReceived = false) }
            runCurrent()

            closing.isActive shouldBe true
            stream.readOutput() shouldBe
                "retry: 7000\nevent: close\ndata: {\"code\":4508,\"reason\":\"a \\\"reason\\\"\\n\"}\n\n"
            closing.join()
            stream.socket.abort()
            stream.aborted shouldBe false
        }
    }

    test("abort disconnects a client that does not read, and later writes fail") {
        runTest {
            val stream = Stream()
            stream.write(text(ACK))
            stream.events()

            stream.socket.abort()

            stream.aborted shouldBe true
            shouldThrow<IOException> { stream.write(text(Message("late"))) }
        }
    }

    test("a write to a response that never starts fails on abort") {
        runTest {
            val stream = Stream()
            val writing = async { runCatching { stream.socket.write(arrayOf(text(ACK)), 1) } }
            runCurrent()
            writing.isActive shouldBe true

            stream.socket.abort()

            writing.await().exceptionOrNull().shouldBeInstanceOf<IOException>()
            stream.aborted shouldBe false
        }
    }
})

private val ACK = Message(MessageType.ACK, "room/1", "r")

private fun text(message: Message) = OutboundFrame(Opcode.Text, JsonCodec.encode(message))

private fun joined(recovered: Boolean) =
    Message(MessageType.ACK, "room/1", "r", Body.of(SubscribedData("e", 4, recovered)))

private fun message(offset: Long, topic: String = "room/1", size: Int = 1) =
    Message(MessageType.MESSAGE, topic, body = Body.of("x".repeat(size)), offset = offset)

private class Stream(since: Position? = null) {
    var aborted = false
    val output = ByteChannel()
    val socket =
        EventSocket(Message(MessageType.SUBSCRIBE, "room/1", "r"), JsonCodec, since, { 7.seconds }, { aborted = true })
    private var isAttached = false
    private val pending = ArrayList<OutboundFrame>()

    /** Writes [frames] like the session's writer. Attaches the response first. */
    suspend fun write(vararg frames: OutboundFrame) {
        if (!isAttached) attach()
        @Suppress("UNCHECKED_CAST")
        socket.write(frames as Array<OutboundFrame?>, frames.size)
    }

    private fun attach() {
        isAttached = true
        socket.attach(output)
    }

    /** The output written so far. */
    suspend fun readOutput(): String {
        val bytes = ByteArray(200_000)
        val count = output.readAvailable(bytes)
        return if (count <= 0) "" else bytes.decodeToString(0, count)
    }

    suspend fun events(): List<String> = outputText().split("\n\n").filter { "data: " in it }

    private suspend fun outputText(): String =
        buildString { while (output.availableForRead > 0) append(readOutput()) }
}

private fun List<String>.data() = map { it.substringAfter("data: ") }

private fun List<String>.ids() = map { event -> event.lines().find { it.startsWith("id: ") }?.substringAfter("id: ") }
