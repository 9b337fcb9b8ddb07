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

    test("the client says its subscribe, then something that is answered behind it, and then nothing") {
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

    test("nothing is decided before the subscribe is answered, and what was said before is not lost") {
        runTest {
            val stream = Stream()

            stream.write(text(Message("welcome")))
            stream.socket.start.isCompleted shouldBe false
            stream.write(text(ACK), text(Message("hello")))

            stream.socket.start.await() shouldBe StreamStart.Begun
            stream.begun().data() shouldContainExactly
                listOf(
                    """{"type":"welcome"}""",
                    """{"type":"ack","topic":"room/1","ref":"r"}""",
                    """{"type":"hello"}""",
                )
        }
    }

    test("a refusal is told, nothing is written, and the client says goodbye") {
        runTest {
            val stream = Stream()
            repeat(2) { stream.socket.receive() }

            stream.write(text(LiveException(ErrorCode.Forbidden, "no").toMessage("room/1", "r")), text(Message("more")))

            val refused = stream.socket.start.await().shouldBeInstanceOf<StreamStart.Refused>()
            refused.error.code shouldBe "forbidden"
            stream.socket.receive().shouldBeInstanceOf<Inbound.Close>().code shouldBe 1000
            stream.socket.close(1000, "", answering = true)
            stream.output.availableForRead shouldBe 0
        }
    }

    test("a subscribe that nobody answers begins all the same, with the pong that stands behind it") {
        runTest {
            val stream = Stream()

            stream.write(OutboundFrame(Opcode.Pong, ByteArray(0)))

            stream.socket.start.await() shouldBe StreamStart.Begun
        }
    }

    test("more than 64 KiB before the answer are not held") {
        runTest {
            val stream = Stream()

            stream.write(text(Message("big", body = Body.of("x".repeat(70_000)))))

            stream.socket.start.await() shouldBe StreamStart.Begun
        }
    }

    test("an end before the answer is told with its code") {
        runTest {
            val stream = Stream()

            stream.socket.close(4403, "enough", answering = false)

            val ended = stream.socket.start.await().shouldBeInstanceOf<StreamStart.Ended>()
            ended.code shouldBe CloseCode.Kicked
            ended.reason shouldBe "enough"
        }
    }

    test("messages of the topic have an id, others and those of other topics have none; runs are taken apart") {
        runTest {
            val stream = Stream()
            stream.write(text(joined(recovered = false)))
            val run =
                OutboundFrame.run(listOf(text(placed(5)), text(placed(1, topic = "room/2")), text(Message("other"))))

            stream.write(run, text(placed(6, size = 200)), text(placed(7, size = 70_000)))

            stream.begun().ids() shouldContainExactly listOf("e:4", "e:5", null, null, "e:6", "e:7")
        }
    }

    test("where the gap is closed the ack has the place that was asked for: what follows is not there yet") {
        runTest {
            val stream = Stream(since = Position("e", 2))

            stream.write(text(joined(recovered = true)), text(placed(3)))

            stream.begun().ids() shouldContainExactly listOf("e:2", "e:3")
        }
    }

    test("without a history there are no ids") {
        runTest {
            val stream = Stream()

            stream.write(text(ACK), text(placed(3)))

            stream.begun().ids() shouldContainExactly listOf(null, null)
        }
    }

    test("a line break of a codec that is not ours cannot begin an event") {
        runTest {
            val stream = Stream()

            stream.write(text(ACK), OutboundFrame(Opcode.Text, "{\"type\":\"x\",\r\n\n\"data\":1}".encodeToByteArray()))

            stream.begun().data().last() shouldBe """{"type":"x",   "data":1}"""
        }
    }

    test("a ping is a comment, and counts as heard when it was taken") {
        runTest {
            val stream = Stream()
            repeat(2) { stream.socket.receive() }
            stream.write(text(ACK))
            stream.begun()
            val heard = async { stream.socket.receive() }
            runCurrent()
            heard.isActive shouldBe true

            stream.write(OutboundFrame(Opcode.Ping, ByteArray(0)))

            stream.taken() shouldBe ":\n\n"
            heard.await() shouldBe Inbound.Pong
        }
    }

    test("closing says why in a last event, and returns when that was taken") {
        runTest {
            val stream = Stream()
            stream.write(text(ACK))
            stream.begun()

            val closing = launch { stream.socket.close(4508, "a \"reason\"\n", answering = false) }
            runCurrent()

            closing.isActive shouldBe true
            stream.taken() shouldBe
                "retry: 7000\nevent: close\ndata: {\"code\":4508,\"reason\":\"a \\\"reason\\\"\\n\"}\n\n"
            closing.join()
            stream.socket.abort()
            stream.isCut shouldBe false
        }
    }

    test("a client that does not take the rest is cut, and whoever writes to it learns so") {
        runTest {
            val stream = Stream()
            stream.write(text(ACK))
            stream.begun()

            stream.socket.abort()

            stream.isCut shouldBe true
            shouldThrow<IOException> { stream.write(text(Message("late"))) }
        }
    }

    test("a response that never begins is no stream to write to") {
        runTest {
            val stream = Stream()
            val writing = async { runCatching { stream.socket.write(arrayOf(text(ACK)), 1) } }
            runCurrent()
            writing.isActive shouldBe true

            stream.socket.abort()

            writing.await().exceptionOrNull().shouldBeInstanceOf<IOException>()
            stream.isCut shouldBe false
        }
    }
})

private val ACK = Message(MessageType.ACK, "room/1", "r")

private fun text(message: Message) = OutboundFrame(Opcode.Text, JsonCodec.encode(message))

private fun joined(recovered: Boolean) =
    Message(MessageType.ACK, "room/1", "r", Body.of(SubscribedData("e", 4, recovered)))

private fun placed(offset: Long, topic: String = "room/1", size: Int = 1) =
    Message(MessageType.MESSAGE, topic, body = Body.of("x".repeat(size)), offset = offset)

private class Stream(since: Position? = null) {
    var isCut = false
    val output = ByteChannel()
    val socket =
        EventSocket(Message(MessageType.SUBSCRIBE, "room/1", "r"), JsonCodec, since, { 7.seconds }, { isCut = true })
    private var isBegun = false
    private val pending = ArrayList<OutboundFrame>()

    /** Writes [frames] as the session's writer does; what is begun goes to the response at once. */
    suspend fun write(vararg frames: OutboundFrame) {
        if (!isBegun) attach()
        @Suppress("UNCHECKED_CAST")
        socket.write(frames as Array<OutboundFrame?>, frames.size)
    }

    private fun attach() {
        isBegun = true
        socket.attach(output)
    }

    /** All that was written by now. */
    suspend fun taken(): String {
        val bytes = ByteArray(200_000)
        val count = output.readAvailable(bytes)
        return if (count <= 0) "" else bytes.decodeToString(0, count)
    }

    suspend fun begun(): List<String> = generateSequenceOf().split("\n\n").filter { "data: " in it }

    private suspend fun generateSequenceOf(): String =
        buildString { while (output.availableForRead > 0) append(taken()) }
}

private fun List<String>.data() = map { it.substringAfter("data: ") }

private fun List<String>.ids() = map { event -> event.lines().find { it.startsWith("id: ") }?.substringAfter("id: ") }
