package dev.live.server

import dev.live.server.endpoint.bearerToken
import dev.live.server.support.Engine
import dev.live.server.support.PlainClient
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.longs.shouldBeInRange
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlin.time.Clock
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Instant

/** Token expiry and refresh over a real socket. */
class TokenExpiryTest : FunSpec({

    for (engine in Engine.entries) {
        context("on $engine") {
            test("a client that refreshes its token keeps its session until the new token expires (4401)") {
                withServer(engine, { expiring() }) {
                    val client = PlainClient.connect(url(), headers = bearer(token(1_500)))

                    inMs(client.next()) shouldBeInRange 1L..760L
                    client.ask("""{"type":"auth","ref":"a","data":{"token":"${token(3_000)}"}}""") shouldBe
                        """{"type":"ack","ref":"a"}"""
                    inMs(client.next()) shouldBeInRange 1L..1_000L

                    client.closed() shouldBe (4401 to "token expired")
                }
            }

            test("an expired token receives no session") {
                withServer(engine, { expiring() }) {
                    val client = PlainClient.connect(url(), headers = bearer(token(-1)))

                    client.closed() shouldBe (4401 to "token expired")
                }
            }
        }
    }
})

private fun bearer(token: String) = mapOf("Authorization" to "Bearer $token")

private class Grant(val until: Instant)

private fun token(millis: Int): String = (Clock.System.now() + millis.milliseconds).toEpochMilliseconds().toString()

private fun inMs(message: String): Long =
    Regex("""\{"type":"expiring","data":\{"inMs":(\d+)}}""").matchEntire(message)!!.groupValues[1].toLong()

private fun grant(token: String): Grant? = token.toLongOrNull()?.let { Grant(Instant.fromEpochMilliseconds(it)) }

private fun Application.expiring() {
    install(Live) { limits { expiryWarning = WARNING } }
    routing {
        live<Grant>("/live") {
            authenticate { call -> call.bearerToken()?.let(::grant) }
            authenticateByMessage { token -> grant(token) }
            expires { it.until }
            user { "ann" }
        }
    }
}

private val WARNING: Duration = 1_000.milliseconds
