package dev.live.server

import dev.live.server.support.Engine
import dev.live.server.support.RawSocket
import dev.live.server.support.clientFrame
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldStartWith
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing

class ResubscribeTest : FunSpec({

    for (engine in Engine.usual) {
        test("a reconnecting session resubscribes to 1000 topics at once where maxTopics is 1000, on $engine") {
            withServer(engine, { many(topics = 1_000) }) {
                val first = RawSocket.upgrade(port)
                first.subscribeAll(1_000)
                first.reset()
                val second = RawSocket.upgrade(port)
                second.subscribeAll(1_000)

                // subscribes do not count against the message limit
                repeat(200) { second.text("""{"type":"ping","ref":"$it"}""") }
                List(200) { second.next() } shouldContainExactly List(200) { """{"type":"pong","ref":"$it"}""" }
                second.close()
            }
        }
    }

    test("subscribes do not count against the per-user message limit") {
        withServer(module = {
            many(topics = 100) {
                limits {
                    burstPerUser = 1
                    messagesPerSecondPerUser = 1
                }
            }
        }) {
            val client = RawSocket.upgrade(port)
            client.subscribeAll(100)
            client.close()
        }
    }

    test("subscribes over the limit are rejected with retryAfterMs, and repeated ones close the session") {
        withServer(module = {
            many(topics = 10) {
                limits {
                    subscribesPerSecond = 1
                    subscribeBurst = 2
                }
            }
        }) {
            val client = RawSocket.upgrade(port)
            repeat(5) { client.text("""{"type":"subscribe","topic":"t/$it","ref":"$it"}""") }

            List(2) { client.next() } shouldContainExactly List(2) { """{"type":"ack","topic":"t/$it","ref":"$it"}""" }
            client.next() shouldStartWith """{"type":"error","topic":"t/2","ref":"2","data":{"code":"rate_limited"""
            client.next() shouldContain "rate limit exceeded: at most 1 subscribes per second"
            client.readCloseCode() shouldBe 4429
            client.close()
        }
    }
})

private fun RawSocket.subscribeAll(count: Int) {
    val subscribes = List(count) { """{"type":"subscribe","topic":"t/$it","ref":"$it"}""" }
    write(subscribes.map { clientFrame(0x1, it.toByteArray()) }.reduce(ByteArray::plus))
    List(count) { next() } shouldContainExactly List(count) { """{"type":"ack","topic":"t/$it","ref":"$it"}""" }
}

private fun RawSocket.next(): String = readFrame().second.decodeToString()

private fun Application.many(topics: Int, configure: LiveConfig.() -> Unit = {}) {
    install(Live) {
        session { maxTopics = topics }
        configure()
    }
    routing {
        live<Unit>("/live") {
            user { "ann" }
            topic<String>("t/{number}")
        }
    }
}
