package dev.live.test

import dev.live.client.LiveClient
import dev.live.client.connection.DisconnectCause
import dev.live.client.connection.ReconnectPolicy
import dev.live.protocol.CloseCode
import dev.live.server.Live
import dev.live.server.endpoint.LiveEndpoint
import dev.live.server.endpoint.bearerToken
import dev.live.server.live
import dev.live.server.topic.publish
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Clock
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.Instant

/** Expiring tokens, with a real server and a real client. */
class TokenRenewalTest : FunSpec({

    for (server in ServerKind.entries) {
        context("on $server") {
            test("a client renews its token repeatedly and keeps its session") {
                testLiveOn(server, { expiring { authenticateByMessage(::pass) } }) {
                    val ann = connectWithFreshTokens()
                    val session = live.sessions.single()

                    awaitUntil("the third token is in use") { (session.meta as Pass).number >= 3 }

                    live.sessions.single() shouldBe session
                    val received = ann.received<Line>("room/42")
                    live.topic("room/42").publish(Line("still here"))
                    received.next() shouldBe Line("still here")
                }
            }

            test("without authenticateByMessage, a client reconnects with a fresh token and restores its topics") {
                testLiveOn(server, { expiring { } }) {
                    val ann = connectWithFreshTokens()
                    ann.received<Line>("room/42")
                    val first = live.sessions.single()

                    awaitUntil("ann has reconnected") { live.sessions.any { it != first && "room/42" in it.topics } }

                    first.isOpen shouldBe false
                }
            }

            test("a client without a fresh token is closed when its token expires") {
                testLiveOn(server, { expiring { authenticateByMessage(::pass) } }) {
                    val only = token(1, 1.seconds)
                    val ann = connect { bearer { only } }

                    ann.awaitClosed() shouldBe DisconnectCause.StaleToken
                }
            }

            test("a client without a token provider receives the close code") {
                testLiveOn(server, { expiring { } }) {
                    val ann = connect { header("Authorization", "Bearer ${token(1, 1_500.milliseconds)}") }

                    val cause = ann.awaitClosed().shouldBeInstanceOf<DisconnectCause.ClosedByServer>()

                    cause.code shouldBe CloseCode.NotAuthenticated
                    cause.reason shouldBe "token expired"
                }
            }
        }
    }
})

private class Pass(val number: Int, val until: Instant)

private fun token(number: Int, lifetime: Duration) =
    "$number until ${(Clock.System.now() + lifetime).toEpochMilliseconds()}"

private fun pass(token: String): Pass? {
    val (number, until) = token.split(" until ").takeIf { it.size == 2 } ?: return null
    return Pass(number.toInt(), Instant.fromEpochMilliseconds(until.toLong())).takeIf { it.until > Clock.System.now() }
}

private suspend fun LiveTest.connectWithFreshTokens(): LiveClient {
    val issued = AtomicInteger()
    return connect {
        bearer { token(issued.incrementAndGet(), 1.seconds) }
        reconnect = ReconnectPolicy { Duration.ZERO }
    }
}

private fun Application.expiring(configure: LiveEndpoint<Pass>.() -> Unit) {
    install(Live) { limits { expiryWarning = 1.seconds } } // checked eight times per period
    routing {
        live<Pass>("/live") {
            authenticate { call -> call.bearerToken()?.let(::pass) }
            expires { it.until }
            user { "ann" }
            topic<Line>("room/{room}")
            configure()
        }
    }
}
