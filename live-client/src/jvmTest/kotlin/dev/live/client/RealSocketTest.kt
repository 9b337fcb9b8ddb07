package dev.live.client

import app.cash.turbine.test
import dev.live.client.connection.ConnectionState
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ExponentialBackoff
import dev.live.protocol.CloseCode
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.core.spec.style.scopes.FunSpecContainerScope
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.http.HttpStatusCode
import kotlinx.coroutines.flow.first
import kotlin.time.Duration.Companion.milliseconds

/** The whole client on a real socket. */
class RealSocketTest : FunSpec({

    for (engine in Engine.entries) {
        context("on ${engine.name}") { everyEngine(engine) }
    }
})

private suspend fun FunSpecContainerScope.everyEngine(engine: Engine) {
    test("a topic goes on after the server has cut the connection") {
        realTest(engine) { server, client ->
            val room = client.topic<Chat>("room/42")
            room.messages.test(timeout = HANG_TIMEOUT) {
                eventually(HANG_TIMEOUT) { server.subscribers("room/42") shouldBe 1 }
                room.publish(Chat("ann", "one"))
                awaitItem() shouldBe Chat("ann", "one")

                server.closeAll(CloseCode.GoingAway)
                eventually(HANG_TIMEOUT) { server.tokens().size shouldBe 2 }
                eventually(HANG_TIMEOUT) { server.subscribers("room/42") shouldBe 1 }

                room.publish(Chat("ann", "two"))
                awaitItem() shouldBe Chat("ann", "two")
            }
            eventually(HANG_TIMEOUT) { server.subscribers("room/42") shouldBe 0 }
        }
    }

    test("requests are answered and refusals carry the server's code") {
        realTest(engine) { _, client ->
            val count: Int = client.request("count", "room/42")

            count shouldBe 7
            shouldThrow<LiveException> { client.requestMessage("nonsense") }.code shouldBe ErrorCode.UnknownType
            shouldThrow<LiveException> { client.topic<Chat>("secret").messages.first() }.code shouldBe
                ErrorCode.Forbidden
        }
    }

    test("an application's own type comes through messages") {
        realTest(engine) { _, client ->
            client.messages.test(timeout = HANG_TIMEOUT) {
                client.send(Message("shout", ref = "mine"))

                awaitItem() shouldBe Message("shout", ref = "mine")
            }
        }
    }

    test("the bearer token is sent, anew for each connection") {
        var issued = 0
        realTest(engine, { bearer { "t${++issued}" } }) { server, client ->
            client.state.first { it is ConnectionState.Connected }
            eventually(HANG_TIMEOUT) { server.connections() shouldBe 1 }
            server.closeAll(CloseCode.NotAuthenticated)

            eventually(HANG_TIMEOUT) { server.tokens() shouldContainExactly listOf("Bearer t1", "Bearer t2") }
        }
    }

    test("close leaves no connection at the server") {
        realTest(engine) { server, client ->
            client.topic<Chat>("room/42").publish(Chat("ann", "hello"))

            client.close()

            eventually(HANG_TIMEOUT) { server.connections() shouldBe 0 }
        }
    }

    test("a refused upgrade ends the client with what the server said") {
        realTest(engine, refusal = Refusal(HttpStatusCode.Forbidden, "origin not allowed")) { _, client ->
            val closed = client.state.first { it is ConnectionState.Closed }

            val cause = closed.shouldBeInstanceOf<ConnectionState.Closed>().cause
            val refused = cause.shouldBeInstanceOf<DisconnectCause.UpgradeRefused>()
            refused.status shouldBe 403
            refused.reason shouldBe if (engine.readsRefusals) "origin not allowed" else "Forbidden"
        }
    }
}

private suspend fun realTest(
    engine: Engine,
    configure: LiveClientConfig.() -> Unit = {},
    refusal: Refusal? = null,
    block: suspend (TinyServer, LiveClient) -> Unit,
) {
    TinyServer().use { server ->
        server.refusal = refusal
        engine.use { engineClient ->
            val client =
                LiveClient(server.url) {
                    httpClient = engineClient
                    reconnect = ExponentialBackoff(baseDelay = 10.milliseconds, maxDelay = 50.milliseconds)
                    configure()
                }
            try {
                block(server, client)
            } finally {
                client.close()
            }
        }
    }
}
