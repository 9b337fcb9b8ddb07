package dev.live.server

import dev.live.server.session.CloseReason
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.RawSocket
import dev.live.server.support.clientFrame
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeout
import java.io.ByteArrayOutputStream
import kotlin.time.Duration.Companion.milliseconds

class CloseOrderTest : FunSpec({

    for (engine in Engine.onAllLoops) {
        for ((name, dispatcher) in mapOf("the default dispatcher" to null, "Unconfined" to Dispatchers.Unconfined)) {
            test("requests in one segment with the close frame get replies before the close, on $engine and $name") {
                val reasons = Channel<CloseReason>(Channel.UNLIMITED)
                withServer(engine, { echo(dispatcher, reasons) }) {
                    for (type in listOf("echo", "slow")) {
                        val client = RawSocket.upgrade(port)
                        val requests = List(10) { """{"type":"$type","ref":"$it","data":"x"}""" }
                        val close = clientFrame(0x8, byteArrayOf(0x03, 0xE8.toByte()))
                        client.write(concat(requests.map { clientFrame(0x1, it.encodeToByteArray()) } + close))

                        List(10) { client.readFrame().second.decodeToString() } shouldContainExactly
                            List(10) { """{"type":"reply","ref":"$it","data":"x"}""" }
                        client.readCloseCode() shouldBe 1000
                        client.isEnded() shouldBe true
                        withTimeout(HANG_TIMEOUT) { reasons.receive() }.byClient shouldBe true
                        client.close()
                    }
                }
            }
        }

        test("after 20000 pings at once the newest receives a pong, on $engine") {
            withServer(engine, { echo(dispatcher = null, Channel(Channel.UNLIMITED)) }) {
                val client = RawSocket.upgrade(port)
                coroutineScope {
                    val newest = async(Dispatchers.IO) {
                        generateSequence { client.readFrame() }
                            .first { (opcode, payload) -> opcode == 0xA && payload.decodeToString() == "19999" }
                    }

                    val pings = List(20_000) { clientFrame(0x9, "$it".encodeToByteArray()) }
                    client.write(concat(pings))

                    newest.await().first shouldBe 0xA
                }
                client.close()
            }
        }
    }
})

private fun concat(frames: List<ByteArray>): ByteArray =
    ByteArrayOutputStream().also { out -> frames.forEach(out::writeBytes) }.toByteArray()

private fun Application.echo(dispatcher: CoroutineDispatcher?, reasons: Channel<CloseReason>) {
    install(Live) {
        if (dispatcher != null) session { handlerDispatcher = dispatcher }
        limits {
            messagesPerSecond = Int.MAX_VALUE
            bytesPerSecond = Int.MAX_VALUE
        }
    }
    routing {
        live<Unit>("/live") {
            request<String, String>("echo") { it }
            request<String, String>("slow") {
                delay(20.milliseconds)
                it
            }
            onClose { reasons.trySend(it) }
        }
    }
}
