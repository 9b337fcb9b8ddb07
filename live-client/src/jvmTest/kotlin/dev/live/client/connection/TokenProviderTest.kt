package dev.live.client.connection

import dev.live.client.clientTest
import dev.live.client.transport.UpgradeRejectedException
import dev.live.protocol.CloseCode
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.seconds

class TokenProviderTest : FunSpec({

    test("each connection requests a new token and sends it as a header") {
        var issued = 0
        clientTest({ bearer { "token-${++issued}" } }) {
            settle()
            transport.wire.cut()
            pass(1.seconds)

            transport.requests.map { it.headers["Authorization"] } shouldContainExactly
                listOf("Bearer token-1", "Bearer token-2")
        }
    }

    for ((name, reject) in rejections) {
        test("after $name the client reconnects with a fresh token") {
            var issued = 0
            clientTest({ bearer { "token-${++issued}" } }) {
                reject(this)
                pass(1.seconds)

                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
                transport.requests.last().headers["Authorization"] shouldBe "Bearer token-2"
            }
        }

        test("$name closes the client if the token is unchanged") {
            clientTest({ bearer { "token" } }) {
                reject(this)
                pass(1.seconds)

                client.state.value.shouldBeInstanceOf<ConnectionState.Closed>().cause shouldBe
                    DisconnectCause.StaleToken
                transport.requests.size shouldBe 1
            }
        }

        test("$name closes a client without a token function") {
            clientTest {
                reject(this)
                settle()

                client.state.value.shouldBeInstanceOf<ConnectionState.Closed>()
            }
        }
    }

    test("a token may be reused after a connection loss") {
        clientTest({ bearer { "token" } }) {
            settle()
            transport.wire.cut()
            pass(1.seconds)

            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    test("an exception or a cancellation in the bearer function fails the attempt") {
        var calls = 0
        val bearer: suspend () -> String = {
            when (++calls) {
                1 -> error("no network")
                2 -> withTimeout(1.seconds) { delay(9.seconds) }.toString()
                else -> "token"
            }
        }
        clientTest({ bearer(bearer) }) {
            settle()
            client.state.value.toString() shouldBe
                "Waiting(attempt=1, delay=1s, cause=the bearer function failed: no network)"
            pass(2.seconds)
            client.state.value.shouldBeInstanceOf<ConnectionState.Waiting>().cause
                .shouldBeInstanceOf<DisconnectCause.NoToken>()
            pass(1.seconds)
            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    test("toString of a request omits the token") {
        clientTest({ bearer { "secret" } }) {
            settle()

            transport.requests.single().toString() shouldBe
                "ConnectRequest(url=ws://test/live, subprotocols=[live.v1.cbor, live.v1.json])"
        }
    }
})

private val rejections =
    mapOf<String, (dev.live.client.ClientFixture) -> Unit>(
        "close code 4401" to {
            it.settle()
            it.transport.wire.cut(CloseCode.NotAuthenticated)
        },
        "HTTP 401 to the upgrade" to { it.transport.connectFailures += UpgradeRejectedException(401, "") },
    )
