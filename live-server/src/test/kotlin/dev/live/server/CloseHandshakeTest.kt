package dev.live.server

import dev.live.protocol.CloseCode
import dev.live.server.session.CloseReason
import dev.live.server.support.Engine
import dev.live.server.support.RawSocket
import dev.live.server.support.clientFrame
import dev.live.server.support.withServer
import dev.live.server.transport.closePayload
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.minutes

/** All timeouts are one hour here, so no test passes because a timeout expired. */
class CloseHandshakeTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        context("on $engine") {
            test("a close frame followed at once by end of stream is replied to (Jetty 12.0.29 client)") {
                val reasons = Channel<CloseReason>(Channel.UNLIMITED)
                withServer(engine, { closing(reasons) }) {
                    repeat(60) {
                        val client = RawSocket.upgrade(port)

                        client.write(clientFrame(0x8, closePayload(1000, "")))
                        client.endOutput()

                        client.readCloseCode() shouldBe 1000
                        client.isEnded() shouldBe true
                        reasons.next().code shouldBe CloseCode.Normal
                        client.close()
                    }
                }
            }

            test("the server ends the connection first once both close frames are sent (Python websockets)") {
                withServer(engine, { closing(Channel(Channel.UNLIMITED)) }) {
                    val leaving = RawSocket.upgrade(port)
                    leaving.frame(0x8, closePayload(3000, ""))
                    leaving.readCloseCode() shouldBe 3000
                    leaving.isEnded() shouldBe true
                    leaving.close()

                    val kicked = RawSocket.upgrade(port)
                    kicked.text("""{"type":"kick"}""")
                    kicked.readCloseCode() shouldBe 4403
                    kicked.frame(0x8, closePayload(4403, ""))
                    kicked.isEnded() shouldBe true
                    kicked.close()
                }
            }

            test("end of stream without a close frame ends the session as abnormal at once") {
                val reasons = Channel<CloseReason>(Channel.UNLIMITED)
                withServer(engine, { closing(reasons) }) {
                    val client = RawSocket.upgrade(port)

                    client.endOutput()

                    reasons.next().code shouldBe CloseCode.Abnormal
                    client.isEnded() shouldBe true
                    client.close()
                }
            }

            test("a message over the fragment limit closes with 1008, a message at the limit does not") {
                withServer(
                    engine,
                    { closing(Channel(Channel.UNLIMITED)) },
                    settings = mapOf("live.limits.maxFragments" to "3"),
                ) {
                    val client = RawSocket.upgrade(port)
                    for ((i, part) in listOf("{\"type\":", "\"ping\"", "}").withIndex()) {
                        client.frame(if (i == 0) 1 else 0, part.toByteArray(), fin = i == 2)
                    }
                    client.readFrame().second.decodeToString() shouldBe """{"type":"pong"}"""

                    repeat(4) { client.frame(if (it == 0) 1 else 0, ByteArray(0), fin = false) }

                    val (opcode, payload) = client.readFrame()
                    opcode shouldBe 0x8
                    payload.toList() shouldBe closePayload(1008, "a message must be at most 3 fragments").toList()
                    client.isEnded() shouldBe true
                    client.close()
                }
            }

            test("a violation before authentication by message closes with its own code") {
                withServer(engine, { closing(Channel(Channel.UNLIMITED)) }) {
                    val violations = listOf(clientFrame(3) to 1002, clientFrame(1, byteArrayOf(-1)) to 1007)
                    for ((frame, code) in violations) {
                        val client = RawSocket.upgrade(port, "/token")

                        client.write(frame)

                        client.readCloseCode() shouldBe code
                        client.isEnded() shouldBe true
                        client.close()
                    }
                }
            }
        }
    }
})

private suspend fun Channel<CloseReason>.next(): CloseReason = withTimeout(2.minutes) { receive() }

private fun Application.closing(reasons: Channel<CloseReason>) {
    install(Live) {
        session { closeTimeout = 1.hours }
        limits { authTimeout = 1.hours }
    }
    routing {
        live<Unit>("/live") {
            onMessage { session.kick("") }
            onClose { reasons.trySend(it) }
        }
        live<String>("/token") { authenticateByMessage { it } }
    }
}
