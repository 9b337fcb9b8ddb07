@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.transport

import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.ErrorData
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.protocol.toMessage
import dev.live.server.dialect.EventStreamDialect
import dev.live.server.dialect.ServerEvent
import dev.live.server.frame.OutboundFrame
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.utils.io.ByteChannel
import io.ktor.utils.io.availableForRead
import io.ktor.utils.io.readAvailable
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import java.io.IOException
import kotlin.time.Duration.Companion.seconds

class EventSocketTest : FunSpec({

    test("the socket receives the subscribe, then a ping, then nothing") {
        runTest {
            val socket = Stream().socket

            socket.receive().shouldBeInstanceOf<Inbound.Data>().bytes.decodeToString() shouldBe
                """{"type":"subscribe","topic":"room/1","ref":"~sse"}"""
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
                    """{"type":"ack","topic":"room/1","ref":"~sse"}""",
                    """{"type":"hello"}""",
                )
        }
    }

    test("a rejected subscribe is reported, writes nothing and ends with a close frame") {
        runTest {
            val stream = Stream()
            repeat(2) { stream.socket.receive() }

            stream.write(text(LiveException(ErrorCode.Forbidden, "no").toMessage("room/1", REF)), text(Message("more")))

            val rejected = stream.socket.start.await().shouldBeInstanceOf<StreamStart.Rejected>()
            rejected.reply.decode<ErrorData>().code shouldBe "forbidden"
            stream.socket.receive().shouldBeInstanceOf<Inbound.Close>().code shouldBe 1000
            stream.socket.close(1000, "", closeReceived = true)
            stream.output.availableForRead shouldBe 0
        }
    }

    test("the pong after the subscribe starts a stream without an ack") {
        runTest {
            val stream = Stream()

            stream.write(DIALECT.encode(ServerEvent.Pong(ByteArray(0))))

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

    test("frames after the decision are written as they are, also those that hold several events") {
        runTest {
            val stream = Stream()
            stream.write(text(ACK))
            stream.events()

            stream.write(OutboundFrame.concat(listOf(text(Message("a")), text(Message("b")))), text(Message("c")))

            stream.readOutput() shouldBe
                """data: {"type":"a"}|data: {"type":"b"}|data: {"type":"c"}|""".replace("|", "\n\n")
        }
    }

    test("the reconnect delay precedes the held events, with the position in the ack") {
        runTest {
            val stream = Stream()
            val ack = ServerEvent.Subscribed(ACK, Position("e", 4))

            stream.write(text(Message("welcome")), DIALECT.encode(ack))

            stream.readOutput() shouldBe
                "retry: 7000\n\n" +
                "data: {\"type\":\"welcome\"}\n\n" +
                "id: e:4\ndata: {\"type\":\"ack\",\"topic\":\"room/1\",\"ref\":\"~sse\"}\n\n"
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

            stream.write(DIALECT.encode(ServerEvent.Ping))

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

private const val REF = EventStreamDialect.SUBSCRIBE_REF

private val DIALECT = EventStreamDialect(JsonCodec, hasIds = true)

private val ACK = Message(MessageType.ACK, "room/1", REF)

private fun text(message: Message) = DIALECT.encode(ServerEvent.Sent(message))

private class Stream {
    var aborted = false
    val output = ByteChannel()
    val socket =
        EventSocket(
            JsonCodec.encode(Message(MessageType.SUBSCRIBE, "room/1", REF)),
            { 7.seconds },
            { aborted = true },
        )
    private var isAttached = false

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
