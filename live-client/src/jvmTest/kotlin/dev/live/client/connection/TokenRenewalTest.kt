package dev.live.client.connection

import app.cash.turbine.testIn
import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.client.start
import dev.live.client.testing.FakeWire
import dev.live.protocol.AuthData
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.ExpiringData
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import kotlinx.coroutines.CompletableDeferred
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

class TokenRenewalTest : FunSpec({

    test("an expiring token is replaced by a fresh one on the same connection") {
        var issued = 0
        clientTest({ bearer { "token-${++issued}" } }) {
            settle()

            expiring(60.seconds)
            settle()
            pass(5.minutes)

            tokens() shouldContainExactly listOf("token-2")
            transport.connections.size shouldBe 1
        }
    }

    test("a later rejection applies to the renewed token") {
        var token = "old"
        clientTest({ bearer { token } }) {
            settle()
            token = "new"
            expiring(60.seconds)
            settle()

            transport.wire.cut(CloseCode.NotAuthenticated)
            pass(1.seconds)

            client.state.value.shouldBeInstanceOf<ConnectionState.Closed>().cause shouldBe DisconnectCause.StaleToken
        }
    }

    test("if the token is unchanged, the bearer function is called again after half of the remaining time") {
        val calls = mutableListOf<Duration>()
        var fixture: ClientFixture? = null
        clientTest({
            bearer {
                fixture?.let { calls += it.now }
                if (calls.size < 4) "old" else "new"
            }
        }) {
            fixture = this
            settle()

            expiring(60.seconds)
            settle()
            pass(60.seconds)

            calls shouldContainExactly listOf(0.seconds, 0.seconds, 30.seconds, 45.seconds)
            tokens() shouldContainExactly listOf("new")
        }
    }

    test("an unchanged token is never sent, and the calls end when the token expires") {
        var calls = 0
        clientTest({
            bearer {
                calls++
                "token"
            }
        }) {
            settle()

            expiring(60.seconds)
            pass(10.minutes)

            calls shouldBe 1 + 6 // 60, 30, 15, 7.5, 3.75 and 1.875 seconds before the end
            tokens().shouldBeEmpty()
        }
    }

    test("a failed bearer function is called again, and the connection stays open") {
        var calls = 0
        clientTest({
            bearer {
                if (++calls == 2) error("no network")
                "token-$calls"
            }
        }) {
            settle()

            expiring(60.seconds)
            pass(30.seconds)

            tokens() shouldContainExactly listOf("token-3")
            transport.connections.size shouldBe 1
        }
    }

    test("a renewal rejected with rate_limited is repeated with another token") {
        var issued = 0
        clientTest({ bearer { "token-${++issued}" } }) {
            rejectAuth(rejections = 1, code = "rate_limited")
            settle()

            expiring(60.seconds)
            pass(5.minutes)

            tokens() shouldContainExactly listOf("token-2", "token-3")
        }
    }

    test("a server without renewal by message receives no second token") {
        var issued = 0
        clientTest({ bearer { "token-${++issued}" } }) {
            rejectAuth(rejections = 9, code = "unknown_type")
            settle()

            expiring(60.seconds)
            pass(5.minutes)

            tokens() shouldContainExactly listOf("token-2")
            transport.connections.size shouldBe 1
        }
    }

    test("a rejected token is not used again, and the client reconnects with a fresh one") {
        val tokens = ArrayDeque(listOf("first", "bad", "fresh"))
        clientTest({ bearer { tokens.removeFirst() } }) {
            transport.onMessage = { message ->
                val isAuth = message.type == MessageType.AUTH
                if (isAuth) {
                    reject(message, "forbidden", "no")
                    cut(CloseCode.NotAuthenticated)
                }
                isAuth
            }
            settle()

            expiring(60.seconds)
            pass(1.seconds)

            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
            transport.requests.map { it.headers["Authorization"] } shouldContainExactly
                listOf("Bearer first", "Bearer fresh")
        }
    }

    test("repeated expiring messages cause one renewal") {
        val held = CompletableDeferred<Unit>()
        var calls = 0
        clientTest({
            bearer {
                if (++calls > 1) held.await()
                "token-$calls"
            }
        }) {
            settle()

            repeat(5) { expiring(60.seconds) }
            settle()
            held.complete(Unit)
            settle()

            tokens() shouldContainExactly listOf("token-2")
        }
    }

    test("a renewal ends with its connection, and its token is not sent on the next connection") {
        val held = CompletableDeferred<Unit>()
        var calls = 0
        clientTest({
            bearer {
                if (++calls == 2) held.await()
                "token-$calls"
            }
        }) {
            settle()
            expiring(60.seconds)
            settle()

            transport.wire.cut()
            pass(1.seconds)
            held.complete(Unit)
            pass(5.minutes)

            transport.connections.flatMap { it.sent(MessageType.AUTH) }.shouldBeEmpty()
            client.state.value.shouldBeInstanceOf<ConnectionState.Connected>()
        }
    }

    test("a client without a token function passes the expiring message to the application") {
        clientTest {
            settle()
            val messages = client.messages.testIn(turbines)
            settle()

            expiring(60.seconds)
            settle()

            messages.awaitItem().decode<ExpiringData>().inMs shouldBe 60_000
            messages.cancel()
        }
    }

    test("an expiring message without a time causes one renewal") {
        var issued = 0
        clientTest({ bearer { "token-${++issued}" } }) {
            settle()

            transport.wire.push(Message(MessageType.EXPIRING))
            settle()

            tokens() shouldContainExactly listOf("token-2")
        }
    }

    test("requests work while a token is renewed") {
        var issued = 0
        clientTest({ bearer { "token-${++issued}" } }) {
            transport.onMessage = { it.type == MessageType.AUTH } // no reply
            settle()
            expiring(60.seconds)
            settle()

            val pong = start { client.requestMessage(MessageType.PING) }
            pass(10.milliseconds)

            pong.await().type shouldBe MessageType.PONG
        }
    }
})

private fun ClientFixture.expiring(left: Duration) =
    transport.wire.push(Message(MessageType.EXPIRING, body = Body.of(ExpiringData(left.inWholeMilliseconds))))

/** The tokens that the client sent in messages on the open connection. */
private fun ClientFixture.tokens(): List<String> =
    transport.wire.sent(MessageType.AUTH).map { it.decode<AuthData>().token }

/** The server rejects [rejections] tokens, then accepts. */
private fun ClientFixture.rejectAuth(rejections: Int, code: String) {
    var left = rejections
    transport.onMessage = { message -> message.type == MessageType.AUTH && left-- > 0 && reject(message, code) }
}

private fun FakeWire.reject(message: Message, code: String): Boolean {
    reject(message, code, "no")
    return true
}
