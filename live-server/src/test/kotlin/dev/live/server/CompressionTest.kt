package dev.live.server

import dev.live.protocol.CloseCode
import dev.live.server.session.CloseReason
import dev.live.server.support.CapturedLogs
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.RawHttpResponse
import dev.live.server.support.RawSocket
import dev.live.server.support.TestServer
import dev.live.server.support.askForUpgrade
import dev.live.server.support.deflated
import dev.live.server.support.inflated
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.inspectors.forAll
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.ints.shouldBeLessThan
import io.kotest.matchers.maps.shouldNotContainKey
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** Compression over real sockets: the negotiation, both directions, and invalid messages. */
class CompressionTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        context("on $engine") {
            test("by default, an offer of compression is ignored, and the compression bit closes with 1002") {
                withServer(engine, { echo() }) {
                    upgrade(OFFER).headers shouldNotContainKey EXTENSIONS

                    val client = connect()
                    client.frame(TEXT, deflated(LONG.toByteArray()), rsv = COMPRESSED)
                    client.readCloseCode() shouldBe 1002
                }
            }

            test("an offer is accepted, and a client without one is served without compression") {
                withServer(engine, { echo(enabled = true) }) {
                    upgrade(OFFER).headers[EXTENSIONS] shouldBe ACCEPTED
                    upgrade("foo; bar, $OFFER; client_max_window_bits").headers[EXTENSIONS] shouldBe ACCEPTED
                    upgrade("$OFFER; server_max_window_bits=9").headers shouldNotContainKey EXTENSIONS
                    upgrade("").headers shouldNotContainKey EXTENSIONS
                    upgrade("$OFFER;;").run { listOf(status, body) } shouldBe
                        listOf(400, "Sec-WebSocket-Extensions is malformed.")

                    PlainClient.connect(url()).ask(message(LONG)) shouldContain LONG
                }
            }

            test("messages are compressed in both directions, each by itself, and small ones are not") {
                withServer(engine, { echo(enabled = true) }) {
                    val client = connect()

                    repeat(3) {
                        client.frame(TEXT, deflated(message(LONG).toByteArray()), rsv = COMPRESSED)
                        val reply = client.readWhole()
                        reply.first shouldBe 0xC1
                        reply.second.size shouldBeLessThan LONG.length / 4
                        bodyOf(inflated(reply.second)) shouldBe LONG
                    }
                    client.text(message("short"))
                    val reply = client.readWhole()
                    reply.first shouldBe 0x81
                    bodyOf(reply.second) shouldBe "short"
                }
            }

            test("a compressed message in fragments is joined, with a ping between them") {
                withServer(engine, { echo(enabled = true) }) {
                    val client = connect()
                    val payload = deflated(message(LONG).toByteArray())

                    client.frame(TEXT, payload.copyOf(5), fin = false, rsv = COMPRESSED)
                    client.frame(0, ByteArray(0), fin = false)
                    client.frame(PING, "?".toByteArray())
                    client.frame(0, payload.copyOfRange(5, payload.size))

                    client.readWhole().first shouldBe 0x8A // control frames are not compressed
                    bodyOf(inflated(client.readWhole().second)) shouldBe LONG
                }
            }

            test("a message that would inflate beyond the limit closes its session with 1009 and one log line") {
                rejected(engine, deflated(ByteArray(LIMIT + 1) { ' '.code.toByte() }), CloseCode.TooLarge) shouldContain
                    "is closed with 1009: a message must be at most $LIMIT bytes after decompression."
            }

            test("a truncated message closes its session with 1007 and one log line") {
                val complete = deflated(message(LONG).toByteArray())
                rejected(engine, complete.copyOf(complete.size / 2), CloseCode.InvalidText) shouldContain
                    "is closed with 1007: a compressed message is invalid or incomplete."
            }

            test("invalid UTF-8 in a compressed text message closes its session with 1007 and one log line") {
                rejected(engine, deflated("\"é".toByteArray().copyOf(2)), CloseCode.InvalidText) shouldContain
                    "is closed with 1007: text message is not valid UTF-8."
            }

            test("the compression bit in a continuation closes with 1002") {
                withServer(engine, { echo(enabled = true) }) {
                    val client = connect()
                    client.frame(TEXT, ByteArray(1), fin = false, rsv = COMPRESSED)
                    client.frame(0, ByteArray(1), rsv = COMPRESSED)
                    client.readCloseCode() shouldBe 1002
                }
            }

            test("sessions of a topic receive the same compressed bytes, or the message itself") {
                withServer(engine, { echo(enabled = true) }) {
                    val clients = List(10) { connect(if (it < 5) OFFER else "") }
                    for (client in clients) {
                        client.text("""{"type":"subscribe","topic":"room/a","ref":"1"}""")
                        client.readFrame().second.decodeToString() shouldContain "\"ack\""
                    }

                    clients[0].text("""{"type":"publish","topic":"room/a","data":{"text":"$LONG"}}""")

                    val received = clients.map { it.readWhole() }
                    received.take(5).map { it.second.toList() }.toSet() shouldHaveSize 1
                    received.take(5).forAll { (first, payload) ->
                        first shouldBe 0xC1
                        bodyOf(inflated(payload)) shouldBe LONG
                    }
                    received.drop(5).forAll { (first, payload) ->
                        first shouldBe 0x81
                        bodyOf(payload) shouldBe LONG
                    }
                }
            }
        }
    }
})

private const val TEXT = 1
private const val PING = 9
private const val COMPRESSED = 4
private const val LIMIT = 4_000
private const val EXTENSIONS = "sec-websocket-extensions"
private const val OFFER = "permessage-deflate"
private const val ACCEPTED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
private val LONG = "a long text with repeated words, repeated words ".repeat(30)

private fun message(text: String) = """{"type":"echo","data":{"text":"$text"}}"""

private fun bodyOf(message: ByteArray): String =
    Json.parseToJsonElement(message.decodeToString()).jsonObject["data"]!!.jsonObject["text"]!!.jsonPrimitive.content

private fun Application.echo(enabled: Boolean = false, reasons: Channel<CloseReason>? = null) {
    install(Live) {
        compression { this.enabled = enabled }
        limits { maxMessageSize = LIMIT }
    }
    routing {
        live<Unit>("/live") {
            rawTopic("room/{name}")
            onMessage { message -> session.send(message) }
            onClose { reasons?.trySend(it) }
        }
    }
}

private fun TestServer.upgrade(offer: String): RawHttpResponse =
    askForUpgrade(port, "/live", "Sec-WebSocket-Extensions" to offer)

private fun TestServer.connect(offer: String = OFFER): RawSocket =
    RawSocket.upgrade(port, "/live", "Sec-WebSocket-Extensions: $offer")

/** Sends [payload] as a compressed message and checks that only its session ends. Returns the log line. */
private suspend fun rejected(engine: Engine, payload: ByteArray, code: CloseCode): String {
    val reasons = Channel<CloseReason>(Channel.UNLIMITED)
    return CapturedLogs("dev.live.server").use { logs ->
        withServer(engine, { echo(enabled = true, reasons) }) {
            val other = PlainClient.connect(url())
            val client = connect()

            client.frame(TEXT, payload, rsv = COMPRESSED)

            client.readCloseCode() shouldBe code.wire
            client.close()
            withTimeout(HANG_TIMEOUT) { reasons.receive() }.code shouldBe code
            other.ask(message("still here")) shouldContain "still here"
        }
        logs.lines.filter { "dev.live.server.transport" in it }.also { it shouldHaveSize 1 }.single()
    }
}
