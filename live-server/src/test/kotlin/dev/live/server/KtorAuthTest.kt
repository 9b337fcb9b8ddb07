package dev.live.server

import dev.live.server.endpoint.bearerAuthHeader
import dev.live.server.support.Engine
import dev.live.server.support.PlainClient
import dev.live.server.support.RawHttpResponse
import dev.live.server.support.TestServer
import dev.live.server.support.askForUpgrade
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.auth.Authentication
import io.ktor.server.auth.UserIdPrincipal
import io.ktor.server.auth.authenticate
import io.ktor.server.auth.bearer
import io.ktor.server.auth.principal
import io.ktor.server.routing.routing
import java.util.concurrent.atomic.AtomicInteger
import kotlin.io.encoding.Base64

/** Authentication by Ktor's Authentication plugin, and origin checks in front of cookies. */
class KtorAuthTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("the principal of Ktor's authenticate becomes the session's meta") {
                withServer(engine, { ktorAuthenticated() }) {
                    val client = PlainClient.connect(url(), headers = mapOf("Authorization" to "Bearer token-of-ann"))

                    client.ask("""{"type":"who","ref":"1","data":""}""") shouldBe
                        """{"type":"reply","ref":"1","data":"ann"}"""
                    application.live.sessionsOf("ann").size shouldBe 1
                }
            }

            test("Ktor rejects an unauthenticated client with its own 401 before live authenticates") {
                val authenticateCalls = AtomicInteger()
                withServer(engine, { ktorAuthenticated(authenticateCalls) }) {
                    for (header in listOf(null, "Bearer bad")) {
                        val response = askForUpgrade(port, "/live", "Authorization" to header)

                        response.status shouldBe 401
                        response.headers["www-authenticate"] shouldBe "Bearer"
                    }
                    authenticateCalls.get() shouldBe 0
                }
            }

            test("Ktor's bearer provider can read the token that a browser sends as a subprotocol") {
                withServer(engine, { ktorAuthenticated() }) {
                    val base64 = Base64.UrlSafe.withPadding(Base64.PaddingOption.ABSENT)
                    val token = base64.encode("token-of-ann".toByteArray())
                    val offer = "live.v1.json, live.bearer.$token"

                    val response = askForUpgrade(port, "/live", "Sec-WebSocket-Protocol" to offer)

                    response.status shouldBe 101
                }
            }

            test("a token with characters that no header can carry is rejected with 401") {
                withServer(engine, { ktorAuthenticated() }) {
                    val offer = "live.v1.json, live.bearer.${Base64.UrlSafe.encode("token of\nann".toByteArray())}"

                    askForUpgrade(port, "/live", "Sec-WebSocket-Protocol" to offer).status shouldBe 401
                }
            }

            test("a page of another origin is rejected before authentication and cannot use the cookie") {
                val authenticateCalls = AtomicInteger()
                withServer(engine, { withCookie(authenticateCalls) }) {
                    upgrade("https://evil.example").status shouldBe 403
                    upgrade("null").status shouldBe 403
                    upgrade("http://127.0.0.1:${port + 1}").status shouldBe 403
                    authenticateCalls.get() shouldBe 0

                    upgrade("http://127.0.0.1:$port").status shouldBe 101
                    upgrade("https://app.example.com").status shouldBe 101
                    authenticateCalls.get() shouldBe 2
                }
            }

            test("a page of the same host without the cookie receives 401") {
                withServer(engine, { withCookie(AtomicInteger()) }) {
                    upgrade("http://127.0.0.1:$port", cookie = "sid=wrong").status shouldBe 401
                    upgrade("http://127.0.0.1:$port", cookie = null).status shouldBe 401
                }
            }
        }
    }
})

private fun TestServer.upgrade(origin: String, cookie: String? = "sid=secret"): RawHttpResponse =
    askForUpgrade(port, "/live", "Origin" to origin, "Cookie" to cookie)

private fun Application.ktorAuthenticated(authenticateCalls: AtomicInteger = AtomicInteger()) {
    install(Live)
    install(Authentication) {
        bearer("tokens") {
            authHeader { call -> call.bearerAuthHeader() }
            authenticate { credential ->
                credential.token.takeIf { it.startsWith("token-of-") }
                    ?.let { UserIdPrincipal(it.removePrefix("token-of-")) }
            }
        }
    }
    routing {
        authenticate("tokens") {
            live<UserIdPrincipal>("/live") {
                authenticate { call ->
                    authenticateCalls.incrementAndGet()
                    call.principal<UserIdPrincipal>()
                }
                user { it.name }
                request<String, String>("who") { meta.name }
            }
        }
    }
}

private fun Application.withCookie(authenticateCalls: AtomicInteger) {
    install(Live) { origins { allow("https://app.example.com") } }
    routing {
        live<String>("/live") {
            authenticate { call ->
                authenticateCalls.incrementAndGet()
                call.request.cookies["sid"]?.takeIf { it == "secret" }
            }
        }
    }
}
