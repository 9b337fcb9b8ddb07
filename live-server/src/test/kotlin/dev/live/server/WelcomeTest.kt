package dev.live.server

import dev.live.protocol.Body
import dev.live.protocol.of
import dev.live.server.endpoint.TopicDeclaration
import dev.live.server.support.Engine
import dev.live.server.support.PlainClient
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldNotContain
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.isActive
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive
import java.util.concurrent.atomic.AtomicInteger

/** The welcome of a topic in the ack, and messages of application types, over a real socket. */
class WelcomeTest : FunSpec({

    for (engine in Engine.usual) {
        test("on $engine the ack carries the welcome of the topic") {
            withPrices({ welcome { JsonPrimitive(parameters["of"]) } }, engine) {
                PlainClient.connect(url()).ask(subscribe("gold")) shouldContain """"data":{"welcome":"gold"}"""
            }
        }
    }

    test("a null welcome is left out of the ack") {
        withPrices({ welcome { null } }) { PlainClient.connect(url()).ask(subscribe("gold")) shouldNotContain "data" }
    }

    test("with history the ack carries the position, and the welcome unless it is null") {
        withPrices({
            history(size = 10)
            welcome { if (parameters["of"] == "gold") JsonPrimitive(7) else null }
        }) {
            val client = PlainClient.connect(url())
            client.ask(subscribe("gold")) shouldContain """"offset":0,"recovered":false,"welcome":7}"""
            client.ask(subscribe("oil")) shouldContain """"offset":0,"recovered":false}"""
        }
    }

    test("a second subscribe calls welcome again") {
        val calls = AtomicInteger()
        withPrices({ welcome { JsonPrimitive(calls.incrementAndGet()) } }) {
            val client = PlainClient.connect(url())
            client.ask(subscribe("gold")) shouldContain """{"welcome":1}"""
            client.ask(subscribe("gold")) shouldContain """{"welcome":2}"""
        }
    }

    test("welcome runs after authorize, sees the params and may reject") {
        withPrices({
            authorize { parameters["of"] != "oil" }
            welcome {
                if (params == null) reject("which currency?")
                params
            }
        }) {
            val client = PlainClient.connect(url())
            client.ask(subscribe("oil")) shouldContain """"code":"forbidden""""
            client.ask(subscribe("gold")) shouldContain """"reason":"which currency?""""
            val eur = """{"type":"subscribe","topic":"price/gold","ref":"r","data":{"params":"EUR"}}"""
            client.ask(eur) shouldContain """{"welcome":"EUR"}"""
            application.live.topic("price/gold").subscribers shouldBe 1
        }
    }

    test("a session unsubscribed during a second welcome is authorized again") {
        val welcomes = Channel<Unit>(Channel.UNLIMITED)
        val gate = CompletableDeferred<Unit>()
        val calls = AtomicInteger()
        withPrices({
            authorize { calls.incrementAndGet() == 1 }
            welcome {
                welcomes.trySend(Unit)
                if (session.topics.isNotEmpty()) gate.await()
                null
            }
        }) {
            val client = PlainClient.connect(url())
            client.ask(subscribe("gold")) shouldContain "ack"
            welcomes.receive()
            client.send(subscribe("gold"))
            welcomes.receive()
            application.live.sessions.single().unsubscribe("price/gold")
            gate.complete(Unit)

            client.next() shouldContain "unsubscribe"
            client.next() shouldContain """"code":"forbidden""""
            application.live.sessions.single().topics.size shouldBe 0
        }
    }

    test("onSubscribe sees the welcome, which is null for a subscribe by the server") {
        val received = Channel<JsonElement?>(Channel.UNLIMITED)
        withPrices({
            welcome { JsonPrimitive(1) }
            onSubscribe { received.trySend(welcome) }
        }) {
            val client = PlainClient.connect(url())
            client.ask(subscribe("gold"))
            received.receive() shouldBe JsonPrimitive(1)

            application.live.sessions.single().subscribe("price/oil")
            received.receive() shouldBe null
        }
    }

    test("a second welcome declaration is rejected") {
        shouldThrow<IllegalStateException> {
            withPrices({
                welcome { null }
                welcome { null }
            }) {}
        }.message shouldBe "topic 'price/{of}' has welcome twice"
    }

    test("a message of an application type belongs to its topic and is conflated like any other") {
        withPrices({ conflate() }) {
            val client = PlainClient.connect(url())
            client.ask(subscribe("gold"))

            application.live.topic("price/gold").publish("tick", Body.of(1))

            client.next() shouldBe """{"type":"tick","topic":"price/gold","data":1}"""
        }
    }

    test("a type of the protocol is rejected") {
        withPrices({}) {
            shouldThrow<IllegalArgumentException> {
                application.live.topic("price/gold").publish("ack", null)
            }.message shouldBe
                "type 'ack' is reserved by the protocol. Choose another type, or omit it."
        }
    }

    test("LiveServer is a scope that is cancelled when the server stops") {
        lateinit var server: LiveServer
        withServer(module = {
            install(Live)
            server = live
        }) { server.isActive shouldBe true }

        server.isActive shouldBe false
    }
})

private suspend fun withPrices(
    declare: TopicDeclaration<Unit, Int>.() -> Unit,
    engine: Engine = Engine.Netty,
    test: suspend TestServer.() -> Unit,
) {
    withServer(engine, {
        install(Live)
        routing { live<Unit>("/live") { topic<Int>("price/{of}", declare) } }
    }) { test() }
}

private fun subscribe(of: String) = """{"type":"subscribe","topic":"price/$of","ref":"r"}"""
