@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.transport

import dev.live.server.frame.Opcode
import dev.live.server.frame.OutboundFrame
import dev.live.server.support.clientFrame
import dev.live.server.support.fragmented
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.ints.shouldBeInRange
import io.kotest.matchers.nulls.shouldBeNull
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.kotest.property.Arb
import io.kotest.property.arbitrary.long
import io.kotest.property.checkAll
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import java.io.ByteArrayOutputStream
import java.io.IOException
import kotlin.random.Random

/** The client side of a [socket] under test: raw bytes in virtual time. */
internal interface ClientEnd {
    val socket: Socket

    /** Sends [bytes] so that the socket can receive exactly these. */
    suspend fun send(bytes: ByteArray)

    /** Closes the client's side of the connection. */
    suspend fun end()

    /** Drops the connection. */
    fun abort()

    /** Reads exactly [count] bytes written by the socket. */
    suspend fun take(count: Int): ByteArray

    /** Whether the server has closed its side and everything written has been read. */
    suspend fun isEnded(): Boolean
}

/** The contract of every [Socket]. [connect] creates one with the given limits. */
internal abstract class SocketContract(connect: (limits: FrameLimits) -> ClientEnd) : FunSpec({

    context("receiving") {
        test("messages are received complete, regardless of fragmentation and chunking") {
            checkAll(300, Arb.long()) { seed ->
                val random = Random(seed)
                val messages =
                    List(random.nextInt(1, 6)) {
                        val isText = random.nextBoolean()
                        val size = random.someSize()
                        isText to if (isText) random.someText(size) else random.nextBytes(size)
                    }
                val pings = mutableListOf<List<Byte>>()
                val stream = ByteArrayOutputStream()
                for ((isText, payload) in messages) stream.writeBytes(random.fragmented(payload, isText, pings))

                val received = receiveAll(connect(limits), stream.toByteArray(), random)

                received.filterIsInstance<Inbound.Data>().map { it.isText to it.bytes.toList() } shouldContainExactly
                    messages.map { (isText, payload) -> isText to payload.toList() }
                received.filterIsInstance<Inbound.Ping>().map { it.payload.toList() } shouldContainExactly pings
            }
        }

        test("a message of exactly the maximum size is received, in one frame and in fragments") {
            runTest {
                val client = connect(limits)
                val payload = Random.nextBytes(LIMIT)
                val half = LIMIT / 2
                launch {
                    client.send(clientFrame(2, payload))
                    client.send(clientFrame(2, payload.copyOf(half), fin = false))
                    client.send(clientFrame(0, payload.copyOfRange(half, LIMIT)))
                }

                repeat(2) {
                    client.socket.receive().shouldBeInstanceOf<Inbound.Data>().bytes.contentEquals(payload) shouldBe
                        true
                }
            }
        }

        test("ping, pong and close are distinguished, and a close frame without a code is 1005") {
            runTest {
                val client = connect(limits)

                client.send(clientFrame(0x9, byteArrayOf(1, 2)))
                client.socket.receive().shouldBeInstanceOf<Inbound.Ping>().payload.toList() shouldBe listOf<Byte>(1, 2)
                client.send(clientFrame(0xA))
                client.socket.receive() shouldBe Inbound.Pong
                client.send(clientFrame(0x8, closePayload(4999, "why")))
                client.socket.receive().shouldBeInstanceOf<Inbound.Close>().code shouldBe 4999
                val other = connect(limits)
                other.send(clientFrame(0x8))
                other.socket.receive().shouldBeInstanceOf<Inbound.Close>().code shouldBe 1005
            }
        }

        test("receive can be cancelled at any byte and continues there") {
            val payload = Random.nextBytes(200)
            val bytes = clientFrame(2, payload.copyOf(150), fin = false) +
                clientFrame(0x9, byteArrayOf(7)) +
                clientFrame(0, payload.copyOfRange(150, 200))
            for (cut in 0..bytes.size) {
                runTest {
                    val client = connect(limits)
                    val received = mutableListOf<Inbound>()
                    client.send(bytes.copyOf(cut))
                    val first = launch(start = CoroutineStart.UNDISPATCHED) {
                        while (received.size < 2) received += client.socket.receive()!!
                    }
                    runCurrent()

                    first.cancel()
                    client.send(bytes.copyOfRange(cut, bytes.size))
                    while (received.size < 2) received += client.socket.receive()!!

                    received[0].shouldBeInstanceOf<Inbound.Ping>()
                    received[1].shouldBeInstanceOf<Inbound.Data>().bytes.toList() shouldBe payload.toList()
                }
            }
        }

        test("receive returns null at the end of the connection, between frames and within one") {
            val bytes = clientFrame(2, ByteArray(300))
            for (cut in listOf(0, 1, 3, 7, 8, 200)) {
                runTest {
                    val client = connect(limits)

                    client.send(bytes.copyOf(cut))
                    client.end()

                    client.socket.receive().shouldBeNull()
                }
            }
        }

        test("receive returns null when the connection is lost") {
            runTest {
                val client = connect(limits)
                val received = async { client.socket.receive() }
                runCurrent()

                client.abort()

                received.await().shouldBeNull()
            }
        }
    }

    context("a protocol violation throws SocketViolation") {
        for (violation in violations) {
            test(violation.name) {
                runTest {
                    val client = connect(limits)
                    client.send(violation.bytes)

                    val thrown = shouldThrow<SocketViolation> { while (true) client.socket.receive()!! }

                    thrown.code shouldBe violation.code
                    thrown.message shouldBe violation.reason
                    thrown.message!!.encodeToByteArray().size shouldBeInRange 1..123 // it is sent in the close frame
                    shouldThrow<SocketViolation> { client.socket.receive() }.message shouldBe violation.reason
                }
            }

            test("after ${violation.name} the client still receives a close frame and the end of the connection") {
                runTest {
                    val client = connect(limits)
                    client.send(violation.bytes)
                    shouldThrow<SocketViolation> { while (true) client.socket.receive()!! }

                    val closing = launch { client.socket.close(1002, "why", closeReceived = false) }
                    runCurrent()
                    client.take(7).toList() shouldBe frame(0x88, closePayload(1002, "why"))
                    client.isEnded() shouldBe true // no reply of the client is expected
                    client.send(clientFrame(0x8, closePayload(1002, "")))
                    client.end()
                    runCurrent()

                    closing.isCompleted shouldBe true
                    closing.isCancelled shouldBe false
                }
            }
        }
    }

    context("writing") {
        test("a length is written in one, three or nine bytes") {
            runTest {
                val client = connect(limits)
                for (size in listOf(0, 1, 125, 126, 127, 32_768, 65_535, 65_536, 70_000)) {
                    val payload = Random.nextBytes(size)

                    launch { client.socket.write(arrayOf(OutboundFrame(Opcode.Binary, payload)), 1) }

                    val header = byteArrayOf(0x82.toByte()) + when (size) {
                        in 0..125 -> byteArrayOf(size.toByte())
                        in 126..0xFFFF -> byteArrayOf(126, (size shr 8).toByte(), size.toByte())
                        else -> byteArrayOf(
                            127,
                            0,
                            0,
                            0,
                            0,
                            (size shr 24).toByte(),
                            (size shr 16).toByte(),
                            (size shr 8).toByte(),
                            size.toByte(),
                        )
                    }
                    client.take(header.size).toList() shouldBe header.toList()
                    client.take(size).contentEquals(payload) shouldBe true
                }
            }
        }

        test("every opcode is written unmasked and final") {
            runTest {
                val client = connect(limits)
                for ((opcode, first) in listOf(
                    Opcode.Text to 0x81,
                    Opcode.Binary to 0x82,
                    Opcode.Ping to 0x89,
                    Opcode.Pong to 0x8A,
                )) {
                    client.socket.write(arrayOf(OutboundFrame(opcode, byteArrayOf(5))), 1)

                    client.take(3).toList() shouldBe listOf(first.toByte(), 1, 5)
                }
            }
        }

        test("the given number of frames is written in order and cleared from the batch, with their bytes unchanged") {
            runTest {
                val client = connect(limits)
                val payloads = List(3) { byteArrayOf(it.toByte()) }
                val batch = Array<OutboundFrame?>(4) {
                    payloads.getOrNull(it)?.let { bytes ->
                        OutboundFrame(Opcode.Text, bytes)
                    }
                }

                client.socket.write(batch, 2)

                client.take(6).toList() shouldBe listOf(0x81.toByte(), 1, 0, 0x81.toByte(), 1, 1)
                batch.map { it == null } shouldBe listOf(true, true, false, true)
                payloads.map { it.single().toInt() } shouldBe listOf(0, 1, 2)
            }
        }

        test("write to a lost connection throws IOException") {
            runTest {
                val client = connect(limits)
                client.abort()

                shouldThrow<IOException> { client.socket.write(arrayOf(OutboundFrame(Opcode.Text, ByteArray(1))), 1) }
            }
        }
    }

    context("the close handshake") {
        test("a close by the server waits for the client's close frame and end, and discards other frames") {
            runTest {
                val client = connect(limits)
                val closing = launch { client.socket.close(1001, "bye", closeReceived = false) }
                runCurrent()

                client.take(7).toList() shouldBe frame(0x88, closePayload(1001, "bye"))
                val ended = async { client.isEnded() }
                client.send(clientFrame(1, "still talking".toByteArray()))
                runCurrent()
                ended.isCompleted shouldBe false
                client.send(clientFrame(0x8, closePayload(1001, "")))
                ended.await() shouldBe true // the server ends the connection first, whichever side started
                runCurrent()
                closing.isCompleted shouldBe false
                client.end()
                runCurrent()

                closing.isCompleted shouldBe true
            }
        }

        test("a close by the client is replied to at once") {
            runTest {
                val client = connect(limits)
                client.send(clientFrame(0x8, closePayload(1000, "")))
                client.socket.receive().shouldBeInstanceOf<Inbound.Close>()

                val closing = launch { client.socket.close(1000, "", closeReceived = true) }
                client.take(4).toList() shouldBe frame(0x88, closePayload(1000, ""))
                client.isEnded() shouldBe true
                client.end()
                runCurrent()

                closing.isCompleted shouldBe true
            }
        }

        test("end of stream instead of a close frame ends the handshake") {
            runTest {
                val client = connect(limits)
                val closing = launch { client.socket.close(1001, "", closeReceived = false) }
                runCurrent()

                client.end()
                runCurrent()

                closing.isCompleted shouldBe true
            }
        }

        test("invalid frames during the handshake are ignored, and end of stream ends it") {
            runTest {
                val client = connect(limits)
                val closing = launch { client.socket.close(1001, "", closeReceived = false) }
                runCurrent()

                client.send(clientFrame(3))
                client.end()
                runCurrent()

                closing.isCompleted shouldBe true
                closing.isCancelled shouldBe false
            }
        }
    }
})

private fun frame(first: Int, payload: ByteArray): List<Byte> =
    listOf(first.toByte(), payload.size.toByte()) + payload.toList()

private val limits = FrameLimits(LIMIT, FRAGMENTS)

/** Text of about [size] bytes. */
private fun Random.someText(size: Int): ByteArray {
    val characters = listOf("a", "a plain sentence, ", "é", "€", "😀")
    val text = StringBuilder()
    while (text.length < size / 2) text.append(characters.random(this))
    return text.toString().toByteArray()
}

private fun Random.someSize(): Int =
    when (nextInt(10)) {
        0 -> 0
        1 -> nextInt(65_530, 65_540)
        2 -> nextInt(120, 130)
        else -> nextInt(2_000)
    }

/** Sends [bytes] in random chunks and receives until the end of the connection. */
private suspend fun receiveAll(client: ClientEnd, bytes: ByteArray, random: Random): List<Inbound> =
    coroutineScope {
        launch {
            var start = 0
            while (start < bytes.size) {
                val end = minOf(bytes.size, start + if (random.nextInt(4) == 0) 1 else random.nextInt(1, 5_000))
                client.send(bytes.copyOfRange(start, end))
                start = end
            }
            client.end()
        }
        val isReader = random.nextBoolean()
        takeAll { if (isReader) client.socket.read() else client.socket.receive() }
    }

private suspend fun <T : Any> takeAll(next: suspend () -> T?): List<T> =
    buildList { while (true) add(next() ?: break) }
