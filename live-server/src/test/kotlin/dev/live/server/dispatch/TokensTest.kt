@file:OptIn(ExperimentalCoroutinesApi::class)

package dev.live.server.dispatch

import dev.live.protocol.CloseCode
import dev.live.server.dialect.ClientCommand
import dev.live.server.dialect.DialectTable
import dev.live.server.endpoint.EndpointSpec
import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.session.Session
import dev.live.server.session.SessionRuntime
import dev.live.server.session.Sweeper
import dev.live.server.support.FakeCodec
import dev.live.server.support.TestSession
import dev.live.server.support.TestTopics
import dev.live.server.support.sessionSettings
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.shouldBe
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import kotlin.time.Clock
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.Instant

class TokensTest : FunSpec({

    test("a session is warned 60 s before its token expires and closed at expiry") {
        runTest {
            val one = sessionOf(renewable { instant(5.minutes) })

            advanceTo(239_999)
            one.socket.texts().shouldBeEmpty()
            advanceTo(240_000)
            one.socket.texts() shouldContainExactly listOf("expiring")
            advanceTo(299_999)
            one.session.isOpen shouldBe true
            advanceTo(300_000)

            one.socket.closings.single().code shouldBe 4401
        }
    }

    test("a token valid for less than two minutes is announced at half of its lifetime") {
        runTest {
            val one = sessionOf(renewable { instant(40.seconds) })

            advanceTo(19_999)
            one.socket.texts().shouldBeEmpty()
            advanceTo(20_000)

            one.socket.texts() shouldContainExactly listOf("expiring")
            one.session.close()
        }
    }

    test("a session with an expired token is closed at once") {
        for (late in listOf(Duration.ZERO, (-1).seconds)) {
            runTest {
                val one = sessionOf(renewable { instant(late) })
                runCurrent()

                one.reasons.single().code shouldBe CloseCode.NotAuthenticated
                one.reasons.single().reason shouldBe "token expired"
            }
        }
    }

    test("a token without an expiry, or with a distant one, is never announced") {
        for (never in listOf(null, Instant.DISTANT_FUTURE)) {
            runTest {
                val one = sessionOf(renewable { never })

                advanceTo(1.days.inWholeMilliseconds / 2)

                one.socket.texts().shouldBeEmpty()
                one.session.isOpen shouldBe true
                one.session.close()
            }
        }
    }

    test("without authenticateByMessage no warning is sent, and the session still ends at expiry") {
        runTest {
            val endpoint = LiveEndpoint<Unit>("/live").apply { expires { instant(5.minutes) } }.build()
            val one = sessionOf(endpoint)

            advanceTo(299_999)
            one.socket.texts().shouldBeEmpty()
            advanceTo(300_000)

            one.socket.closings.single().code shouldBe 4401
        }
    }

    test("an auth message postpones the expiry") {
        runTest {
            var end = instant(5.minutes)
            val one = sessionOf(renewable { end })
            advanceTo(240_000)

            end = instant(20.minutes)
            one.socket.sendText("good")
            advanceTo(1_199_999)

            one.socket.texts() shouldContainExactly listOf("expiring", "ack", "expiring")
            one.session.isOpen shouldBe true
            advanceTo(1_200_000)
            one.socket.closings.single().code shouldBe 4401
        }
    }

    test("a rejected token ends the session at once, before the old token expires") {
        runTest {
            val one = sessionOf(renewable { instant(5.minutes) })

            one.socket.sendText("bad")
            runCurrent()

            one.socket.texts() shouldContainExactly listOf("error")
            one.socket.closings.single().run { code to reason } shouldBe (4401 to "the token was not accepted")
        }
    }

    test("an expired replacement token is rejected") {
        runTest {
            var end = instant(5.minutes)
            val one = sessionOf(renewable { end })
            advanceTo(10_000)

            end = instant(9.seconds)
            one.socket.sendText("good")
            runCurrent()

            one.socket.texts() shouldContainExactly listOf("error")
            one.socket.closings.single().code shouldBe 4401
        }
    }

    for (hasUserFunction in listOf(false, true)) {
        val unknown = if (hasUserFunction) "whose meta has no user" else "of an endpoint without user { }"

        test("a session $unknown is renewed only by its own token") {
            runTest {
                val endpoint =
                    LiveEndpoint<String>("/live").apply {
                        authenticateByMessage { token -> token }
                        if (hasUserFunction) user { null }
                    }.build()
                val session = anonymous("ann")
                val tokens = Tokens(endpoint, 60.seconds, { currentTime })
                val guard = HandlerGuard(timeout = 30.seconds)

                backgroundScope.launch { tokens.renew(session, auth("ann"), guard) }
                runCurrent()
                session.isOpen shouldBe true
                backgroundScope.launch { tokens.renew(session, auth("bob"), guard) }
                runCurrent()

                session.isOpen shouldBe false
                session.meta shouldBe "ann"
            }
        }
    }

    test("a token whose check completes after the old one expired is too late") {
        runTest {
            val endpoint = LiveEndpoint<Unit>("/live").apply {
                user { "ann" }
                authenticateByMessage { delay(20.seconds) }
                expires { instant(5.minutes) }
            }.build()
            val one = sessionOf(endpoint)
            advanceTo(290_000)

            one.socket.sendText("good")
            advanceTo(320_000)

            one.reasons.single().run { code to reason } shouldBe (CloseCode.NotAuthenticated to "token expired")
        }
    }

    test("an exception in expires during renewal fails the auth message, and the old token stays valid") {
        runTest {
            var fails = false
            val one = sessionOf(renewable { if (fails) error("boom") else instant(5.minutes) })

            fails = true
            one.socket.sendText("good")
            runCurrent()
            one.session.isOpen shouldBe true
            advanceTo(300_000)

            one.socket.closings.single().code shouldBe 4401
        }
    }
})

private val start = Instant.fromEpochMilliseconds(1_800_000_000_000)

/** The instant [after] the start of the test. */
private fun instant(after: Duration): Instant = start + after

private fun renewable(expires: () -> Instant?): EndpointSpec<Unit> =
    LiveEndpoint<Unit>("/live").apply {
        user { "ann" } // the same as the session's user
        authenticateByMessage { token -> if (token == "good") Unit else null }
        expires { expires() }
    }.build()

private fun auth(token: String) = ClientCommand.Authenticate(token, ref = "")

/** A session without a user. Its queue is never written to a socket. */
private fun TestScope.anonymous(meta: String): Session<String> {
    val topics = TestTopics(backgroundScope, DialectTable(listOf(FakeCodec()))).registry
    val runtime = SessionRuntime(sessionSettings(), topics, slot = 0) { currentTime }
    val scope = backgroundScope.coroutineContext + Job()
    return Session("session", meta, user = null, "127.0.0.1", Instant.DISTANT_PAST, "fake", runtime, scope)
}

/** A running session of [endpoint]. The client sends tokens as plain text. */
private fun TestScope.sessionOf(endpoint: EndpointSpec<Unit>): TestSession {
    val one = TestSession(this, sessionSettings(heartbeatInterval = 1.days, heartbeatTimeout = 2.days))
    val clock = object : Clock {
        override fun now(): Instant = start + currentTime.milliseconds
    }
    val guard = HandlerGuard(timeout = 30.seconds)
    val tokens = Tokens(endpoint, warning = 60.seconds, { currentTime }, clock)
    one.onOpen = tokens::begin
    one.onMessage = { session, token ->
        guard.isolate("auth") { tokens.renew(session, auth(token), guard) }
    }
    backgroundScope.launch { Sweeper(one.sessions, one.topics, period = 100.milliseconds) { currentTime }.run() }
    one.start()
    return one
}

private fun TestScope.advanceTo(millis: Long) {
    advanceTimeBy(millis - currentTime)
    runCurrent()
}
