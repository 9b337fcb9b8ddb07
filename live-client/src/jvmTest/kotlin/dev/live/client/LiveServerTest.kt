package dev.live.client

import app.cash.turbine.test
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.protocol.Body
import dev.live.protocol.CborCodec
import dev.live.protocol.Codec
import dev.live.protocol.DecodeLimits
import dev.live.protocol.ErrorCode
import dev.live.protocol.JsonCodec
import dev.live.protocol.LiveException
import dev.live.protocol.MessagePackCodec
import dev.live.server.Live
import dev.live.server.endpoint.bearerToken
import dev.live.server.live
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.server.application.install
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlin.time.Duration.Companion.minutes

/** The client against a live server, on Netty and a real socket. */
class LiveServerTest : FunSpec({

    for (codec in listOf(JsonCodec, CborCodec, MessagePackCodec)) {
        test("topics and requests work over ${codec.subprotocol}") {
            withLiveServer(codec) { client ->
                val room = client.topic<Chat>("room/42")
                room.messages.test(timeout = HANG_TIMEOUT) {
                    room.publish(Chat("ann", "hello"))
                    awaitItem() shouldBe Chat("ann", "hello")
                }

                client.request<Chat, Int>("length", Chat("ann", "four")) shouldBe 4
                client.state.value.toString() shouldBe "Connected(${codec.subprotocol})"
            }
        }
    }

    test("a publish does not race with the start of a collector") {
        withLiveServer { client ->
            repeat(40) { i ->
                // the server allows a burst of 200 messages, and one round is five at most
                val room = client.topic<Chat>("room/$i")
                val first = async { room.messages.first() }

                room.publish(Chat("ann", "hello"))

                first.await() shouldBe Chat("ann", "hello")
            }
        }
    }

    test("a publish to a topic without a collector is rejected") {
        withLiveServer { client ->
            val error = shouldThrow<LiveException> { client.topic<Chat>("room/42").publish(Chat("ann", "hello")) }

            error.code shouldBe ErrorCode.NotSubscribed
        }
    }

    test("a publish that the server cannot decode fails with the server's reason") {
        val deep = Body.json("[".repeat(100) + "]".repeat(100), DecodeLimits(maxDepth = 100))
        for (codec in listOf(JsonCodec, CborCodec, MessagePackCodec)) {
            withLiveServer(codec) { client ->
                val error =
                    shouldThrow<LiveException> { client.topic<Chat>("room/42").publish(deep, timeout = 10.minutes) }

                error.code shouldBe ErrorCode.BadMessage
                error.reason shouldBe "data is nested deeper than 64"
            }
        }
    }

    test("an undeclared topic fails the flow with the code of the server") {
        withLiveServer { client ->
            val error = shouldThrow<LiveException> { client.topic<Chat>("nowhere").messages.first() }

            error.code shouldBe ErrorCode.UnknownTopic
        }
    }

    test("a rejected token closes the client") {
        withLiveServer(token = "wrong") { client ->
            val closed = client.state.first { it is ConnectionState.Closed }

            closed.shouldBeInstanceOf<ConnectionState.Closed>().cause shouldBe DisconnectCause.StaleToken
        }
    }
})

private suspend fun withLiveServer(
    codec: Codec = JsonCodec,
    token: String = "right",
    block: suspend CoroutineScope.(LiveClient) -> Unit,
) {
    val server =
        embeddedServer(Netty, port = 0) {
            install(Live)
            routing {
                live<String>("/live") {
                    authenticate { call -> call.bearerToken()?.takeIf { it == "right" } }
                    topic<Chat>("room/{room}")
                    request<Chat, Int>("length") { chat -> chat.text.length }
                }
            }
        }.start(wait = false)
    try {
        val port = server.engine.resolvedConnectors().first().port
        val client =
            LiveClient("ws://127.0.0.1:$port/live") {
                codecs(codec)
                bearer { token }
            }
        try {
            coroutineScope { block(client) }
        } finally {
            client.close()
        }
    } finally {
        server.stop(gracePeriodMillis = 0, timeoutMillis = 1000)
    }
}
