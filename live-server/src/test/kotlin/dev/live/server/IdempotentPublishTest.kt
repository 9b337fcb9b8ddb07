package dev.live.server

import dev.live.server.support.Engine
import dev.live.server.support.PlainClient
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import java.util.concurrent.atomic.AtomicInteger

/** Idempotent publishes over a real socket. */
class IdempotentPublishTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("a repeated publish with its key is acked and not published again, also on another connection") {
                val runs = AtomicInteger()
                withServer(engine, { rooms(runs) }) {
                    val first = connect("ann")
                    first.ask(publish("orders/1", "=m1")) shouldContain """"type":"ack""""
                    first.ask(publish("orders/1", "=m1")) shouldContain """"type":"ack""""
                    first.close()

                    connect("ann").ask(publish("orders/1", "=m1")) shouldBe
                        """{"type":"ack","topic":"orders/1","ref":"=m1"}"""

                    runs.get() shouldBe 1
                }
            }

            test("a key is scoped to its user and bound to one topic and payload") {
                val runs = AtomicInteger()
                withServer(engine, { rooms(runs) }) {
                    val ann = connect("ann")
                    ann.ask(publish("orders/1", "=m1")) shouldContain """"type":"ack""""
                    connect("bob").ask(publish("orders/1", "=m1")) shouldContain """"type":"ack""""

                    ann.ask(publish("orders/1", "=m1", "other")) shouldContain "bad_payload"
                    ann.ask(publish("orders/2", "=m1")) shouldContain "bad_payload"
                    runs.get() shouldBe 2
                }
            }

            test("a rejected publish may be retried with its key") {
                val runs = AtomicInteger()
                withServer(engine, { rooms(runs) }) {
                    val ann = connect("ann")

                    repeat(2) {
                        ann.ask(publish("orders/1", "=m1", "wrong")) shouldContain "an order must not be wrong"
                    }

                    runs.get() shouldBe 2
                    ann.ask(publish("orders/1", "=m1", "right")) shouldContain """"type":"ack""""
                }
            }

            test("a key is rejected by a topic without idempotent() and from a session without a user") {
                withServer(engine, { rooms(AtomicInteger()) }) {
                    connect("ann").ask(publish("plain", "=m1")) shouldContain
                        "the topic does not accept keys. Publish without a key."
                    connect("").ask(publish("orders/1", "=m1")) shouldContain
                        "a key requires a session with a user. Publish without a key."
                }
            }
        }
    }
})

private fun publish(topic: String, ref: String, payload: String = "one") =
    """{"type":"publish","topic":"$topic","ref":"$ref","data":"$payload"}"""

private suspend fun TestServer.connect(name: String): PlainClient = PlainClient.connect(url("/live?name=$name"))

private fun Application.rooms(runs: AtomicInteger) {
    install(Live)
    routing {
        live<String>("/live") {
            authenticate { call -> call.request.queryParameters["name"] }
            user { it.ifEmpty { null } }
            topic<String>("orders/{number}") {
                idempotent()
                publishWithoutSubscribing = true
                onPublish { order ->
                    runs.incrementAndGet()
                    if (order == "wrong") reject("an order must not be wrong")
                    broadcast(order)
                }
            }
            topic<String>("plain") { publishWithoutSubscribing = true }
        }
    }
}
