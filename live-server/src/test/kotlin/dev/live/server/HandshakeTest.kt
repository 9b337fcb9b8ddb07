package dev.live.server

import dev.live.protocol.CborCodec
import dev.live.protocol.JsonCodec
import dev.live.server.endpoint.bearerToken
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.PlainClient
import dev.live.server.support.RawHttpResponse
import dev.live.server.support.TestServer
import dev.live.server.support.askForUpgrade
import dev.live.server.support.withServer
import io.kotest.assertions.nondeterministic.eventually
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.maps.shouldNotContainKey
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldNotContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlin.io.encoding.Base64

class HandshakeTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("a request without a valid WebSocket upgrade receives 426 or 400") {
                withServer(engine, { unauthenticated() }) {
                    val response = upgrade("Upgrade" to null, "Connection" to "keep-alive", "Sec-WebSocket-Key" to null)

                    response.status shouldBe 426
                    response.headers["upgrade"] shouldBe "websocket"
                    response.body shouldBe "This is a live endpoint. Connect to it with a WebSocket."
                    upgrade("Sec-WebSocket-Version" to "8").status shouldBe 426
                    upgrade("Sec-WebSocket-Version" to "8").headers["sec-websocket-version"] shouldBe "13"
                    upgrade("Sec-WebSocket-Key" to "c2hvcnQ=").status shouldBe 400
                    upgrade("Sec-WebSocket-Key" to null).status shouldBe 400
                }
            }

            test("the accept key matches the example of RFC 6455") {
                withServer(engine, { unauthenticated() }) {
                    val response = upgrade("Sec-WebSocket-Key" to "dGhlIHNhbXBsZSBub25jZQ==")

                    response.status shouldBe 101
                    response.headers["sec-websocket-accept"] shouldBe "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
                }
            }

            test("the server selects the first subprotocol offered by the client that it supports") {
                withServer(engine, { unauthenticated { codecs(JsonCodec, CborCodec) } }) {
                    subprotocolFor("live.v1.msgpack, live.v1.cbor, live.v1.json") shouldBe "live.v1.cbor"
                    subprotocolFor("live.v1.json") shouldBe "live.v1.json"
                }
            }

            test("a client that offers no subprotocol uses JSON, and the response selects none") {
                withServer(engine, { unauthenticated { codecs(CborCodec, JsonCodec) } }) {
                    upgrade().headers shouldNotContainKey "sec-websocket-protocol"
                    PlainClient.connect(url()).ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
                }
            }

            test("an offer of only unknown subprotocols receives 400 and the list of supported ones") {
                withServer(engine, { unauthenticated() }) {
                    val response = upgrade("Sec-WebSocket-Protocol" to "live.v9.json, chat")

                    response.status shouldBe 400
                    response.body shouldContain "live.v1.json, live.v1.cbor, live.v1.msgpack"
                }
            }

            test("a page of another host receives 403; the same host and listed origins may connect") {
                withServer(engine, { unauthenticated { origins { allow("https://app.example.com") } } }) {
                    upgrade("Origin" to "https://evil.example").status shouldBe 403
                    upgrade("Origin" to "null").status shouldBe 403
                    upgrade("Origin" to "http://127.0.0.1:$port").status shouldBe 101
                    upgrade("Origin" to "http://127.0.0.1:1").status shouldBe 403
                    upgrade("Origin" to "https://APP.example.com").status shouldBe 101
                    upgrade("Origin" to null).status shouldBe 101
                }
            }

            test("a client rejected by authenticate receives 401") {
                withServer(engine, { withToken() }) {
                    upgrade().status shouldBe 401
                    upgrade("Authorization" to "Bearer wrong").status shouldBe 401
                    upgrade("Authorization" to "Bearer good").status shouldBe 101
                    upgrade("Authorization" to "bearer good").status shouldBe 101
                }
            }

            test("a bearer token in a subprotocol is read and never echoed") {
                withServer(engine, { withToken() }) {
                    val token =
                        "live.bearer." +
                            Base64.UrlSafe.withPadding(Base64.PaddingOption.ABSENT).encode("good".toByteArray())

                    val response = upgrade("Sec-WebSocket-Protocol" to "$token, live.v1.cbor")

                    response.status shouldBe 101
                    response.headers["sec-websocket-protocol"] shouldBe "live.v1.cbor"
                    response.headers.toString() shouldNotContain "bearer"
                    upgrade("Sec-WebSocket-Protocol" to "live.bearer.d3Jvbmc, live.v1.json").status shouldBe 401
                }
            }

            test("a token in the query is used only where the endpoint sets tokenParameter") {
                withServer(engine, { withToken() }) {
                    askForUpgrade(port, "/live?token=good").status shouldBe 401
                    askForUpgrade(port, "/query?token=good").status shouldBe 101
                }
            }

            test("a connection over the limit receives 503 with Retry-After until another connection closes") {
                withServer(engine, { unauthenticated { limits { maxConnections = 1 } } }) {
                    val first = PlainClient.connect(url())

                    val response = upgrade()

                    response.status shouldBe 503
                    response.headers["retry-after"] shouldBe "5"
                    first.close()
                    eventually(HANG_TIMEOUT) { upgrade().status shouldBe 101 }
                }
            }

            test("checks run in the order of the protocol: 503 before 403 before 401") {
                withServer(engine, { withToken { limits { maxConnections = 1 } } }) {
                    upgrade("Origin" to "https://evil.example").status shouldBe 403

                    PlainClient.connect(url(), headers = mapOf("Authorization" to "Bearer good"))

                    upgrade("Origin" to "https://evil.example").status shouldBe 503
                }
            }
        }
    }
})

private fun TestServer.upgrade(vararg headers: Pair<String, String?>): RawHttpResponse = askForUpgrade(
    port,
    "/live",
    *headers,
)

private fun TestServer.subprotocolFor(offer: String): String? =
    upgrade("Sec-WebSocket-Protocol" to offer).headers["sec-websocket-protocol"]

private fun Application.unauthenticated(config: LiveConfig.() -> Unit = {}) {
    install(Live, config)
    routing { live<Unit>("/live") }
}

private class User(val token: String)

private fun Application.withToken(config: LiveConfig.() -> Unit = {}) {
    install(Live, config)
    routing {
        live<User>("/live") { authenticate { call -> call.bearerToken()?.takeIf { it == "good" }?.let(::User) } }
        live<User>("/query") {
            tokenParameter = "token"
            authenticate { call -> call.bearerToken()?.takeIf { it == "good" }?.let(::User) }
        }
    }
}
