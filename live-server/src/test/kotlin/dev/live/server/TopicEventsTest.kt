package dev.live.server

import dev.live.server.endpoint.TopicDeclaration
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.RecordingObserver
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import io.ktor.util.AttributeKey
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.Serializable

/** Messages of application types to a topic, and the subscription in a topic's handlers, over a real socket. */
class TopicEventsTest : FunSpec({

    for (engine in Engine.usual) {
        test("on $engine a message with a ref receives an ack or the reply, and one without receives nothing") {
            val received = Channel<String>(Channel.UNLIMITED)
            withRooms({
                on<Typing>("typing") { received.trySend("$topic ${parameters["room"]} ${it.name}") }
                on<Int, Int>("double") { it * 2 }
            }, engine) {
                val client = PlainClient.connect(url())
                client.ask(SUBSCRIBE)

                client.ask("""{"type":"typing","topic":"room/1","ref":"a","data":{"name":"ann"}}""") shouldBe
                    """{"type":"ack","topic":"room/1","ref":"a"}"""
                client.ask("""{"type":"double","topic":"room/1","ref":"b","data":21}""") shouldBe
                    """{"type":"reply","topic":"room/1","ref":"b","data":42}"""
                client.send("""{"type":"double","topic":"room/1","data":21}""")
                client.send("""{"type":"typing","topic":"room/1","data":{"name":"bob"}}""")
                client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
                List(2) { received.next() } shouldContainExactly listOf("room/1 1 ann", "room/1 1 bob")
            }
        }
    }

    test("a session that is not subscribed receives not_subscribed") {
        withRooms({ on<Typing>("typing") { error("not called") } }) {
            val client = PlainClient.connect(url())

            client.ask("""{"type":"typing","topic":"room/1","ref":"a","data":{"name":"ann"}}""") shouldBe
                """{"type":"error","topic":"room/1","ref":"a","data":{"code":"not_subscribed",""" +
                """"reason":"subscribe to the topic before sending messages to it"}}"""
        }
    }

    test("a payload of another type is rejected, and the handler may reject the message") {
        withRooms({ on<Typing>("typing") { if (it.name == "eve") reject("not you") } }) {
            val client = PlainClient.connect(url())
            client.ask(SUBSCRIBE)

            client.ask("""{"type":"typing","topic":"room/1","ref":"a","data":7}""") shouldContain
                """"code":"bad_payload""""
            client.ask("""{"type":"typing","topic":"room/1","ref":"a","data":{"name":"eve"}}""") shouldContain
                """"reason":"not you""""
        }
    }

    test("other types, and topics that do not declare the type, are handled by request and onMessage") {
        withRooms({ on<Typing>("typing") {} }) {
            val client = PlainClient.connect(url())
            client.ask(SUBSCRIBE)
            client.ask("""{"type":"subscribe","topic":"other/1"}""")

            client.ask("""{"type":"typing","topic":"other/1","ref":"a","data":1}""") shouldBe
                """{"type":"reply","topic":"other/1","ref":"a","data":"request"}"""
            client.ask("""{"type":"typing","ref":"a","data":1}""") shouldBe
                """{"type":"reply","ref":"a","data":"request"}"""
            client.ask("""{"type":"typing","topic":"unknown","ref":"a","data":1}""") shouldBe
                """{"type":"reply","topic":"unknown","ref":"a","data":"request"}"""
            client.ask("""{"type":"waving","topic":"room/1","ref":"a"}""") shouldContain """"code":"unknown_type""""
        }
    }

    test("handlers use the subscription's params, attributes, scope, push and leave") {
        val count = AttributeKey<Int>("count")
        val calls = Channel<String>(Channel.UNLIMITED)
        withRooms({
            onSubscribe {
                attributes.put(count, 0)
                launch {
                    try {
                        push("hello", paramsAs<String>())
                        awaitCancellation()
                    } finally {
                        calls.trySend("cancelled")
                    }
                }
            }
            on<Typing, Int>("count") { attributes[count].inc().also { attributes.put(count, it) } }
            on<Typing>("bye") { leave("bye ${it.name}") }
            onUnsubscribe { calls.trySend("left ${attributes[count]} $params ${push("late", 1)}") }
        }) {
            val client = PlainClient.connect(url())
            client.ask("""{"type":"subscribe","topic":"room/1","data":{"params":"Ann"}}""")
            client.next() shouldBe """{"type":"hello","topic":"room/1","data":"Ann"}"""

            for (expected in 1..2) {
                client.ask("""{"type":"count","topic":"room/1","ref":"a","data":{"name":"ann"}}""") shouldContain
                    """"data":$expected"""
            }
            client.ask("""{"type":"bye","topic":"room/1","data":{"name":"ann"}}""") shouldBe
                """{"type":"unsubscribe","topic":"room/1","data":{"reason":"bye ann"}}"""

            // the coroutine and onUnsubscribe run at the same time
            setOf(calls.next(), calls.next()) shouldBe setOf("cancelled", "left 2 \"Ann\" false")
        }
    }

    test("a subscription's coroutines end when the client unsubscribes") {
        val calls = Channel<String>(Channel.UNLIMITED)
        withRooms({
            onSubscribe {
                launch {
                    try {
                        awaitCancellation()
                    } finally {
                        calls.trySend("cancelled")
                    }
                }
            }
        }) {
            val client = PlainClient.connect(url())
            client.ask(SUBSCRIBE)

            client.ask("""{"type":"unsubscribe","topic":"room/1"}""") shouldBe """{"type":"ack","topic":"room/1"}"""

            calls.next() shouldBe "cancelled"
            client.ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
        }
    }

    test("onPublish has the publisher's subscription, or null without one") {
        val calls = Channel<String>(Channel.UNLIMITED)
        withRooms({
            publishWithoutSubscribing = true
            onPublish { calls.trySend("${subscription?.params} $params") }
        }) {
            val client = PlainClient.connect(url())
            client.ask("""{"type":"publish","topic":"room/1","ref":"a","data":{"name":"ann"}}""")
            client.ask("""{"type":"subscribe","topic":"room/1","data":{"params":7}}""")
            client.ask("""{"type":"publish","topic":"room/1","ref":"a","data":{"name":"ann"}}""")

            List(2) { calls.next() } shouldContainExactly listOf("null null", "7 7")
        }
    }

    test("observers receive the type of a declared message, and no other type that a client chooses") {
        val observer = RecordingObserver()
        withRooms({ on<Typing>("waving") {} }, configure = { observe(observer) }) {
            val client = PlainClient.connect(url())
            client.ask(SUBSCRIBE)
            client.ask("""{"type":"waving","topic":"room/1","ref":"a","data":{"name":"ann"}}""")
            client.ask("""{"type":"secret","topic":"room/1","ref":"a"}""")
            client.ask("""{"type":"ping"}""")

            observer.events().filter { it.startsWith("handled") } shouldContainExactly
                listOf("subscribe: Done", "waving: Done", "message: Rejected", "ping: Done").map { "handled $it" }
        }
    }

    test("types of the protocol, invalid types and second declarations are rejected") {
        suspend fun failure(declare: TopicDeclaration<Unit, Typing>.() -> Unit): String? =
            shouldThrow<IllegalArgumentException> { withRooms(declare) {} }.message

        failure { on<Typing>("publish") {} } shouldBe
            "message type 'publish' is reserved by the protocol. Choose another type."
        failure { on<Typing>("") {} } shouldContain "type"
        failure {
            on<Typing>("typing") {}
            on<Typing, Int>("typing") { 1 }
        } shouldBe "topic 'room/{room}' has on(\"typing\") twice"
    }
})

@Serializable
private class Typing(val name: String)

private const val SUBSCRIBE = """{"type":"subscribe","topic":"room/1"}"""

private suspend fun Channel<String>.next(): String = withTimeout(HANG_TIMEOUT) { receive() }

private suspend fun withRooms(
    declare: TopicDeclaration<Unit, Typing>.() -> Unit,
    engine: Engine = Engine.Netty,
    configure: LiveConfig.() -> Unit = {},
    test: suspend TestServer.() -> Unit,
) {
    withServer(engine, {
        install(Live, configure)
        routing {
            live<Unit>("/live") {
                topic<Typing>("room/{room}", declare)
                topic<Typing>("other/{room}")
                request<Int, String>("typing") { "request" }
            }
        }
    }) { test() }
}
