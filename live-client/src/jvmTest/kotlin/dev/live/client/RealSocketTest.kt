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

/** The complete client on a real socket. */
class RealSocketTest : FunSpec({

    for (engine in Engine.entries) {
        context("on ${engine.name}") { testsForEngine(engine) }
    }
})

private suspend fun FunSpecContainerScope.testsForEngine(engine: Engine) {
    test("a topic continues after the server closes the connection") {
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

    test("requests receive replies, and rejections have the code of the server") {
        realTest(engine) { _, client ->
            val count: Int = client.request("count", "room/42")

            count shouldBe 7
            shouldThrow<LiveException> { client.requestMessage("nonsense") }.code shouldBe ErrorCode.UnknownType
            shouldThrow<LiveException> { client.topic<Chat>("secret").messages.first() }.code shouldBe
                ErrorCode.Forbidden
        }
    }

    test("application-defined message types arrive in messages") {
        realTest(engine) { _, client ->
            client.messages.test(timeout = HANG_TIMEOUT) {
                client.send(Message("shout", ref = "mine"))

                awaitItem() shouldBe Message("shout", ref = "mine")
            }
        }
    }

    test("each connection sends a fresh bearer token") {
        var issued = 0
        realTest(engine, { bearer { "t${++issued}" } }) { server, client ->
            client.state.first { it is ConnectionState.Connected }
            eventually(HANG_TIMEOUT) { server.connections() shouldBe 1 }
            server.closeAll(CloseCode.NotAuthenticated)

            eventually(HANG_TIMEOUT) { server.tokens() shouldContainExactly listOf("Bearer t1", "Bearer t2") }
        }
    }

    test("close leaves no open connection on the server") {
        realTest(engine) { server, client ->
            client.topic<Chat>("room/42").publish(Chat("ann", "hello"))

            client.close()

            eventually(HANG_TIMEOUT) { server.connections() shouldBe 0 }
        }
    }

    test("a rejected upgrade closes the client with the reason of the server") {
        realTest(engine, rejection = Rejection(HttpStatusCode.Forbidden, "origin not allowed")) { _, client ->
            val closed = client.state.first { it is ConnectionState.Closed }

            val cause = closed.shouldBeInstanceOf<ConnectionState.Closed>().cause
            val rejected = cause.shouldBeInstanceOf<DisconnectCause.UpgradeRejected>()
            rejected.status shouldBe 403
            rejected.reason shouldBe if (engine.readsRejections) "origin not allowed" else "Forbidden"
        }
    }
}

private suspend fun realTest(
    engine: Engine,
    configure: LiveClientConfig.() -> Unit = {},
    rejection: Rejection? = null,
    block: suspend (TinyServer, LiveClient) -> Unit,
) {
    TinyServer().use { server ->
        server.rejection = rejection
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
