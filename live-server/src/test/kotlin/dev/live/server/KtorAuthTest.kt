package dev.live.server

import dev.live.server.endpoint.bearerAuthHeader
import dev.live.server.support.Engine
import dev.live.server.support.HttpAnswer
import dev.live.server.support.PlainClient
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

/** Who a client is, as Ktor's own authentication finds out, and what cookies are protected by. */
class KtorAuthTest : FunSpec({

    for (engine in Engine.entries) {
        context("on $engine") {
            test("inside Ktor's authenticate the principal becomes the meta") {
                withServer(engine, { ktorAuthenticated() }) {
                    val client = PlainClient.connect(url(), headers = mapOf("Authorization" to "Bearer token-of-ann"))

                    client.ask("""{"type":"who","ref":"1","data":""}""") shouldBe
                        """{"type":"reply","ref":"1","data":"ann"}"""
                    application.live.sessionsOf("ann").size shouldBe 1
                }
            }

            test("whom Ktor does not know gets Ktor's own 401, and live is not asked") {
                val asked = AtomicInteger()
                withServer(engine, { ktorAuthenticated(asked) }) {
                    for (header in listOf(null, "Bearer bad")) {
                        val answer = askForUpgrade(port, "/live", "Authorization" to header)

                        answer.status shouldBe 401
                        answer.headers["www-authenticate"] shouldBe "Bearer"
                    }
                    asked.get() shouldBe 0
                }
            }

            test("Ktor's bearer provider can read the token that a browser sends as a subprotocol") {
                withServer(engine, { ktorAuthenticated() }) {
                    val base64 = Base64.UrlSafe.withPadding(Base64.PaddingOption.ABSENT)
                    val token = base64.encode("token-of-ann".toByteArray())
                    val offer = "live.v1.json, live.bearer.$token"

                    val answer = askForUpgrade(port, "/live", "Sec-WebSocket-Protocol" to offer)

                    answer.status shouldBe 101
                }
            }

            test("a token that no header can carry is one that Ktor does not know") {
                withServer(engine, { ktorAuthenticated() }) {
                    val offer = "live.v1.json, live.bearer.${Base64.UrlSafe.encode("token of\nann".toByteArray())}"

                    askForUpgrade(port, "/live", "Sec-WebSocket-Protocol" to offer).status shouldBe 401
                }
            }

            test("a page of another host cannot use the cookie of whoever reads it, and is not even looked up") {
                val asked = AtomicInteger()
                withServer(engine, { withCookie(asked) }) {
                    upgrade("https://evil.example").status shouldBe 403
                    upgrade("null").status shouldBe 403
                    upgrade("http://127.0.0.1:${port + 1}").status shouldBe 403
                    asked.get() shouldBe 0

                    upgrade("http://127.0.0.1:$port").status shouldBe 101
                    upgrade("https://app.example.com").status shouldBe 101
                    asked.get() shouldBe 2
                }
            }

            test("a page of the same host without the cookie gets 401") {
                withServer(engine, { withCookie(AtomicInteger()) }) {
                    upgrade("http://127.0.0.1:$port", cookie = "sid=wrong").status shouldBe 401
                    upgrade("http://127.0.0.1:$port", cookie = null).status shouldBe 401
                }
            }
        }
    }
})

private fun TestServer.upgrade(origin: String, cookie: String? = "sid=secret"): HttpAnswer =
    askForUpgrade(port, "/live", "Origin" to origin, "Cookie" to cookie)

private fun Application.ktorAuthenticated(asked: AtomicInteger = AtomicInteger()) {
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
                    asked.incrementAndGet()
                    call.principal<UserIdPrincipal>()
                }
                user { it.name }
                request<String, String>("who") { meta.name }
            }
        }
    }
}

private fun Application.withCookie(asked: AtomicInteger) {
    install(Live) { origins { allow("https://app.example.com") } }
    routing {
        live<String>("/live") {
            authenticate { call ->
                asked.incrementAndGet()
                call.request.cookies["sid"]?.takeIf { it == "secret" }
            }
        }
    }
}
