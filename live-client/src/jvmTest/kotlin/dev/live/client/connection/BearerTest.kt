package dev.live.client.connection

import dev.live.client.clientTest
import dev.live.client.transport.UpgradeRefusedException
import dev.live.protocol.CloseCode
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.seconds

class BearerTest : FunSpec({

    test("the token is asked for anew before every connection and sent as a header") {
        var issued = 0
        clientTest({ bearer { "token-${++issued}" } }) {
            settle()
            transport.wire.cut()
            pass(1.seconds)

            transport.requests.map { it.headers["Authorization"] } shouldContainExactly
                listOf("Bearer token-1", "Bearer token-2")
        }
    }

    for ((name, refuse) in refusals) {
        test("$name is answered with a fresh token") {
            var issued = 0
            clientTest({ bearer { "token-${++issued}" } }) {
                refuse(this)
                pass(1.seconds)

                client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
                transport.requests.last().headers["Authorization"] shouldBe "Bearer token-2"
            }
        }

        test("$name ends the client if the token is still the same") {
            clientTest({ bearer { "token" } }) {
                refuse(this)
                pass(1.seconds)

                client.state.value.shouldBeInstanceOf<ConnectionState.Closed>().cause shouldBe
                    DisconnectCause.StaleToken
                transport.requests.size shouldBe 1
            }
        }

        test("$name ends a client that has no tokens") {
            clientTest {
                refuse(this)
                settle()

                client.state.value.shouldBeInstanceOf<ConnectionState.Closed>()
            }
        }
    }

    test("a token that breaks for another reason may be used again") {
        clientTest({ bearer { "token" } }) {
            settle()
            transport.wire.cut()
            pass(1.seconds)

            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    test("a bearer function that throws is a failed attempt, also where it cancels itself") {
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

    test("a request never prints its token") {
        clientTest({ bearer { "secret" } }) {
            settle()

            transport.requests.single().toString() shouldBe
                "ConnectRequest(url=ws://test/live, subprotocols=[live.v1.cbor, live.v1.json])"
        }
    }
})

private val refusals =
    mapOf<String, (dev.live.client.ClientFixture) -> Unit>(
        "close code 4401" to {
            it.settle()
            it.transport.wire.cut(CloseCode.NotAuthenticated)
        },
        "HTTP 401 to the upgrade" to { it.transport.refusals += UpgradeRefusedException(401, "") },
    )
