package dev.live.server

import dev.live.server.endpoint.bearerToken
import dev.live.server.support.Engine
import dev.live.server.support.PlainClient
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.longs.shouldBeInRange
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.channels.ClosedReceiveChannelException
import java.io.IOException
import kotlin.time.Clock
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Instant

/** Token expiry and refresh over a real socket. */
class TokenExpiryTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("a client that refreshes its token keeps its session until the new token expires (4401)") {
                withServer(engine, { expiring() }) {
                    // the token must live until this machine has refreshed it
                    val client = generateSequence(1_500) { it * 2 }.firstNotNullOf { life -> refreshed(life) }

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

/** A client that has refreshed a token of [life] milliseconds; null if the token expired before. */
private suspend fun TestServer.refreshed(life: Int): PlainClient? {
    val client = PlainClient.connect(url(), headers = bearer(token(life)))
    try {
        inMs(client.next()) shouldBeInRange 1L..life / 2 + 10L
        val reply = client.ask("""{"type":"auth","ref":"a","data":{"token":"${token(2 * life)}"}}""")
        if ("the token was not accepted" in reply) return null
        reply shouldBe """{"type":"ack","ref":"a"}"""
    } catch (_: IOException) {
        return null
    } catch (_: ClosedReceiveChannelException) {
        return null
    }
    return client
}

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
