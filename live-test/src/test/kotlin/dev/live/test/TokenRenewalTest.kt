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

/** Tokens that run out, with the server and the client of this project at either end. */
class TokenRenewalTest : FunSpec({

    for (place in Place.entries) {
        context("on $place") {
            test("a client renews its token by itself, again and again, and keeps its session") {
                testLiveOn(place, { expiring { authenticateByMessage(::pass) } }) {
                    val ann = connectWithFreshTokens()
                    val session = live.sessions.single()

                    awaitUntil("the third token is in use") { (session.meta as Pass).number >= 3 }

                    live.sessions.single() shouldBe session
                    val heard = ann.received<Line>("room/42")
                    live.topic("room/42").publish(Line("still here"))
                    heard.next() shouldBe Line("still here")
                }
            }

            test("where the server takes no token in a message, a client comes back with a fresh one and its topics") {
                testLiveOn(place, { expiring { } }) {
                    val ann = connectWithFreshTokens()
                    ann.received<Line>("room/42")
                    val first = live.sessions.single()

                    awaitUntil("ann is back") { live.sessions.any { it != first && "room/42" in it.topics } }

                    first.isOpen shouldBe false
                }
            }

            test("a client that has no other token is closed when it has run out") {
                testLiveOn(place, { expiring { authenticateByMessage(::pass) } }) {
                    val only = token(1, 1.seconds)
                    val ann = connect { bearer { only } }

                    ann.awaitClosed() shouldBe DisconnectCause.StaleToken
                }
            }

            test("a client without tokens of its own is told the close code") {
                testLiveOn(place, { expiring { } }) {
                    val ann = connect { header("Authorization", "Bearer ${token(1, 1_500.milliseconds)}") }

                    val cause = ann.awaitClosed().shouldBeInstanceOf<DisconnectCause.ClosedByServer>()

                    cause.code shouldBe CloseCode.NotAuthenticated
                    cause.reason shouldBe "the token ran out"
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
    install(Live) { limits { expiryWarning = 1.seconds } } // and it is looked at eight times as often
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
