package dev.live.server

import dev.live.protocol.CborCodec
import dev.live.protocol.JsonCodec
import dev.live.server.endpoint.bearerToken
import dev.live.server.support.Engine
import dev.live.server.support.HANG_TIMEOUT
import dev.live.server.support.HttpAnswer
import dev.live.server.support.PlainClient
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

    for (engine in Engine.entries) {
        context("on $engine") {
            test("a request that is no WebSocket request gets 426 and a sentence") {
                withServer(engine, { anybody() }) {
                    val answer = upgrade("Upgrade" to null, "Connection" to "keep-alive", "Sec-WebSocket-Key" to null)

                    answer.status shouldBe 426
                    answer.headers["upgrade"] shouldBe "websocket"
                    answer.body shouldBe "This is a live endpoint: connect to it with a WebSocket."
                    upgrade("Sec-WebSocket-Version" to "8").status shouldBe 426
                    upgrade("Sec-WebSocket-Version" to "8").headers["sec-websocket-version"] shouldBe "13"
                    upgrade("Sec-WebSocket-Key" to "c2hvcnQ=").status shouldBe 400
                    upgrade("Sec-WebSocket-Key" to null).status shouldBe 400
                }
            }

            test("the accept key is the one of RFC 6455") {
                withServer(engine, { anybody() }) {
                    val answer = upgrade("Sec-WebSocket-Key" to "dGhlIHNhbXBsZSBub25jZQ==")

                    answer.status shouldBe 101
                    answer.headers["sec-websocket-accept"] shouldBe "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
                }
            }

            test("the first subprotocol of the client's that the server speaks is chosen and named") {
                withServer(engine, { anybody { codecs(JsonCodec, CborCodec) } }) {
                    subprotocolFor("live.v1.msgpack, live.v1.cbor, live.v1.json") shouldBe "live.v1.cbor"
                    subprotocolFor("live.v1.json") shouldBe "live.v1.json"
                }
            }

            test("a client that offers no subprotocol speaks JSON and is told none") {
                withServer(engine, { anybody { codecs(CborCodec, JsonCodec) } }) {
                    upgrade().headers shouldNotContainKey "sec-websocket-protocol"
                    PlainClient.connect(url()).ask("""{"type":"ping"}""") shouldBe """{"type":"pong"}"""
                }
            }

            test("only unknown subprotocols get 400 and the list of those that are spoken") {
                withServer(engine, { anybody() }) {
                    val answer = upgrade("Sec-WebSocket-Protocol" to "live.v9.json, chat")

                    answer.status shouldBe 400
                    answer.body shouldContain "live.v1.json, live.v1.cbor, live.v1.msgpack"
                }
            }

            test("a page of another host gets 403, one of the same host or a listed one may connect") {
                withServer(engine, { anybody { origins { allow("https://app.example.com") } } }) {
                    upgrade("Origin" to "https://evil.example").status shouldBe 403
                    upgrade("Origin" to "null").status shouldBe 403
                    upgrade("Origin" to "http://127.0.0.1:$port").status shouldBe 101
                    upgrade("Origin" to "http://127.0.0.1:1").status shouldBe 403
                    upgrade("Origin" to "https://APP.example.com").status shouldBe 101
                    upgrade("Origin" to null).status shouldBe 101
                }
            }

            test("a client that authenticate does not know gets 401") {
                withServer(engine, { withToken() }) {
                    upgrade().status shouldBe 401
                    upgrade("Authorization" to "Bearer wrong").status shouldBe 401
                    upgrade("Authorization" to "Bearer good").status shouldBe 101
                    upgrade("Authorization" to "bearer good").status shouldBe 101
                }
            }

            test("a token that comes as a subprotocol is read and never echoed") {
                withServer(engine, { withToken() }) {
                    val token =
                        "live.bearer." +
                            Base64.UrlSafe.withPadding(Base64.PaddingOption.ABSENT).encode("good".toByteArray())

                    val answer = upgrade("Sec-WebSocket-Protocol" to "$token, live.v1.cbor")

                    answer.status shouldBe 101
                    answer.headers["sec-websocket-protocol"] shouldBe "live.v1.cbor"
                    answer.headers.toString() shouldNotContain "bearer"
                    upgrade("Sec-WebSocket-Protocol" to "live.bearer.d3Jvbmc, live.v1.json").status shouldBe 401
                }
            }

            test("a token in the query counts only where the endpoint names its parameter") {
                withServer(engine, { withToken() }) {
                    askForUpgrade(port, "/live?token=good").status shouldBe 401
                    askForUpgrade(port, "/query?token=good").status shouldBe 101
                }
            }

            test("one connection over the limit gets 503 with Retry-After, and room is made when one leaves") {
                withServer(engine, { anybody { limits { maxConnections = 1 } } }) {
                    val first = PlainClient.connect(url())

                    val answer = upgrade()

                    answer.status shouldBe 503
                    answer.headers["retry-after"] shouldBe "5"
                    first.close()
                    eventually(HANG_TIMEOUT) { upgrade().status shouldBe 101 }
                }
            }

            test("checks come in the order of the protocol: 503 before 403 before 401") {
                withServer(engine, { withToken { limits { maxConnections = 1 } } }) {
                    upgrade("Origin" to "https://evil.example").status shouldBe 403

                    PlainClient.connect(url(), headers = mapOf("Authorization" to "Bearer good"))

                    upgrade("Origin" to "https://evil.example").status shouldBe 503
                }
            }
        }
    }
})

private fun TestServer.upgrade(vararg headers: Pair<String, String?>): HttpAnswer = askForUpgrade(
    port,
    "/live",
    *headers,
)

private fun TestServer.subprotocolFor(offer: String): String? =
    upgrade("Sec-WebSocket-Protocol" to offer).headers["sec-websocket-protocol"]

private fun Application.anybody(config: LiveConfig.() -> Unit = {}) {
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
