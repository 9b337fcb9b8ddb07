package dev.live.client.connection

import app.cash.turbine.testIn
import dev.live.client.ClientFixture
import dev.live.client.clientTest
import dev.live.client.start
import dev.live.protocol.AuthData
import dev.live.protocol.Body
import dev.live.protocol.CloseCode
import dev.live.protocol.ExpiringData
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.decode
import dev.live.protocol.of
import dev.live.test.FakeWire
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

class RenewalTest : FunSpec({

    test("a token that runs out is replaced by a fresh one over the same connection") {
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

    test("the token that was refused later is the one that was renewed to") {
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

    test("an application that has no other token yet is asked again after half of the time that is left") {
        val asked = mutableListOf<Duration>()
        var fixture: ClientFixture? = null
        clientTest({
            bearer {
                fixture?.let { asked += it.now }
                if (asked.size < 4) "old" else "new"
            }
        }) {
            fixture = this
            settle()

            expiring(60.seconds)
            settle()
            pass(60.seconds)

            asked shouldContainExactly listOf(0.seconds, 0.seconds, 30.seconds, 45.seconds)
            tokens() shouldContainExactly listOf("new")
        }
    }

    test("a token that never changes is never sent, and the asking ends with the time") {
        var asked = 0
        clientTest({
            bearer {
                asked++
                "token"
            }
        }) {
            settle()

            expiring(60.seconds)
            pass(10.minutes)

            asked shouldBe 1 + 6 // 60, 30, 15, 7.5, 3.75 and 1.875 seconds before the end
            tokens().shouldBeEmpty()
        }
    }

    test("a bearer function that fails is asked again, and the connection stays") {
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

    test("a server that is busy is asked again, with yet another token") {
        var issued = 0
        clientTest({ bearer { "token-${++issued}" } }) {
            answerAuth(refusals = 1, code = "rate_limited")
            settle()

            expiring(60.seconds)
            pass(5.minutes)

            tokens() shouldContainExactly listOf("token-2", "token-3")
        }
    }

    test("a server that takes no tokens in messages is not sent another one") {
        var issued = 0
        clientTest({ bearer { "token-${++issued}" } }) {
            answerAuth(refusals = 9, code = "unknown_type")
            settle()

            expiring(60.seconds)
            pass(5.minutes)

            tokens() shouldContainExactly listOf("token-2")
            transport.connections.size shouldBe 1
        }
    }

    test("a token that is refused and then closed for is not tried again, and a fresh one connects") {
        val tokens = ArrayDeque(listOf("first", "bad", "fresh"))
        clientTest({ bearer { tokens.removeFirst() } }) {
            transport.onMessage = { message ->
                val isAuth = message.type == MessageType.AUTH
                if (isAuth) {
                    refuse(message, "forbidden", "no")
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

    test("what is said twice is done once") {
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

    test("a renewal ends with its connection, and its token is not sent over the next one") {
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

    test("a client without tokens hands the news to the application") {
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

    test("news without a time is answered once") {
        var issued = 0
        clientTest({ bearer { "token-${++issued}" } }) {
            settle()

            transport.wire.push(Message(MessageType.EXPIRING))
            settle()

            tokens() shouldContainExactly listOf("token-2")
        }
    }

    test("requests go on while a token is renewed") {
        var issued = 0
        clientTest({ bearer { "token-${++issued}" } }) {
            transport.onMessage = { it.type == MessageType.AUTH } // never answered
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

/** The tokens that the client sent in messages, over the connection that is open. */
private fun ClientFixture.tokens(): List<String> =
    transport.wire.sent(MessageType.AUTH).map { it.decode<AuthData>().token }

/** The server refuses [refusals] times, and then accepts. */
private fun ClientFixture.answerAuth(refusals: Int, code: String) {
    var left = refusals
    transport.onMessage = { message -> message.type == MessageType.AUTH && left-- > 0 && refused(message, code) }
}

private fun FakeWire.refused(message: Message, code: String): Boolean {
    refuse(message, code, "no")
    return true
}
