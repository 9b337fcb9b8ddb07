package dev.live.server

import dev.live.server.endpoint.bearerToken
import dev.live.server.support.Engine
import dev.live.server.support.RawHttpResponse
import dev.live.server.support.TestServer
import dev.live.server.support.exchange
import dev.live.server.support.get
import dev.live.server.support.withServer
import io.kotest.assertions.withClue
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.ints.shouldBeInRange
import io.kotest.matchers.maps.shouldNotContainKey
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.types.shouldBeInstanceOf
import io.ktor.http.HttpHeaders
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.application.serverConfig
import io.ktor.server.auth.Authentication
import io.ktor.server.auth.authenticate
import io.ktor.server.auth.bearer
import io.ktor.server.engine.EngineConnectorBuilder
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.response.header
import io.ktor.server.routing.routing
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.future.await
import kotlinx.coroutines.withContext
import java.net.Authenticator
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.net.http.WebSocket
import java.net.http.WebSocketHandshakeException
import java.util.concurrent.CompletionException

/** Checks the handshake against HTTP (RFC 9110, RFC 9112) and RFC 6455, section 4.2.1. */
class HandshakeHttpTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("an upgrade requires the token 'upgrade' in Connection, not a value that contains the word") {
                withServer(engine, { endpoints() }) {
                    handshake(connection = "not-an-upgrade").status shouldBe 426
                    handshake(connection = "upgraded").status shouldBe 426
                    handshake(connection = "keep-alive,UPGRADE").status shouldBe 101
                }
            }

            test("a second Connection header is honored, or rejected with a message where the engine ignores it") {
                withServer(engine, { endpoints() }) {
                    val response = handshake(connection = "keep-alive", more = listOf("Connection: Upgrade"))

                    response.status shouldBe if (engine == Engine.Cio) 400 else 101
                }
            }

            test("an upgrade that names websocket among other protocols is accepted") {
                withServer(engine, { endpoints() }) {
                    handshake(upgrade = "foo, websocket").status shouldBe 101
                    handshake(upgrade = "foo, WebSocket/13").status shouldBe 426
                    handshake(upgrade = "websockets").status shouldBe 426
                }
            }

            test("a second Sec-WebSocket-Key is rejected with 400") {
                withServer(engine, { endpoints() }) {
                    val response = handshake(more = listOf("Sec-WebSocket-Key: $KEY"))

                    response.status shouldBe 400
                    response.body shouldBe "Sec-WebSocket-Key must be sent once, was sent 2 times."
                }
            }

            test("an upgrade over HTTP/1.0 is rejected with advice about the proxy") {
                withServer(engine, { endpoints() }) {
                    val response = handshake(version = "HTTP/1.0")

                    response.status shouldBe 400
                    response.body shouldContain "configure it to use HTTP/1.1 (nginx: proxy_http_version 1.1)"
                }
            }

            test("an upgrade with no Host or two Host headers is rejected with 400") {
                withServer(engine, { endpoints() }) {
                    handshake(host = null).status shouldBe 400
                    handshake(more = listOf("Host: other.example")).status shouldBe 400
                }
            }

            test("an upgrade with a body is rejected with 400") {
                withServer(engine, { endpoints() }) {
                    handshake(more = listOf("Content-Length: 5"), body = "hello").status shouldBe 400
                    handshake(more = listOf("Transfer-Encoding: chunked"), body = "0\r\n\r\n").status shouldBe 400
                    handshake(more = listOf("Content-Length: 0")).status shouldBe 101
                }
            }

            test("a 426 response has Connection beside Upgrade, as RFC 9110 section 7.8 requires") {
                withServer(engine, { endpoints() }) {
                    val response = exchange(port, "GET /live HTTP/1.1", listOf("Host: 127.0.0.1:$port"))

                    response.status shouldBe 426
                    response.headers["upgrade"] shouldBe "websocket"
                    response.headers["connection"] shouldBe "Upgrade"
                    val last = exchange(port, "GET /live HTTP/1.1", listOf("Host: 127.0.0.1", "Connection: close"))
                    last.headers["connection"] shouldBe "Upgrade, close"
                }
            }

            test("a request without its Upgrade header is rejected with advice about the proxy") {
                withServer(engine, { endpoints() }) {
                    // nginx, Apache with http:// and Varnish without pipe forward a WebSocket upgrade like this
                    for (version in listOf("HTTP/1.0", "HTTP/1.1")) {
                        val response = handshake(version = version, upgrade = null, connection = "close")

                        response.status shouldBe 426
                        response.body shouldBe
                            "The Upgrade header is missing. If there is a proxy, " +
                            "configure it to forward the Upgrade and Connection headers."
                    }
                }
            }

            test("an offer of only a bearer token as subprotocol is rejected with the codecs to offer") {
                withServer(engine, { endpoints() }) {
                    val response = handshake(more = listOf("Sec-WebSocket-Protocol: live.bearer.Z29vZA"))

                    response.status shouldBe 400
                    response.body shouldBe
                        "The only offered subprotocol is a bearer token. Also offer a codec, such as " +
                        "live.v1.json. Supported subprotocols: live.v1.json, live.v1.cbor, live.v1.msgpack."
                }
            }

            test("every 401 has WWW-Authenticate, and the application's own value takes precedence") {
                withServer(engine, { endpoints() }) {
                    handshake("/known").headers["www-authenticate"] shouldBe "Bearer"
                    get("/known/sse?topic=t").header("WWW-Authenticate") shouldBe "Bearer"
                    handshake("/digest").status shouldBe 401
                    handshake("/digest").headers["www-authenticate"] shouldBe "Digest realm=\"us\""
                    get("/admin").header("WWW-Authenticate") shouldBe "Bearer"
                }
            }

            test("a client with an Authenticator receives the status of a 401 (HttpClient of the JDK)") {
                withServer(engine, { endpoints() }) {
                    val client = HttpClient.newBuilder().authenticator(object : Authenticator() {}).build()

                    val failure = connectFailure(client, url("/known"))

                    failure.response.statusCode() shouldBe 401
                }
            }
        }
    }

    test("a rejection over HTTP/2 has no connection-specific headers") {
        val server =
            embeddedServer(Netty, serverConfig { module { endpoints() } }) {
                connectors += EngineConnectorBuilder().apply {
                    host = "127.0.0.1"
                    port = 0
                }
                enableHttp2 = true
                enableH2c = true
            }
        server.startSuspend(wait = false)
        TestServer(server, server.engine.resolvedConnectors().single().port).use {
            val client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).build()
            val request = HttpRequest.newBuilder(URI("http://127.0.0.1:${it.port}/live")).build()

            val response = client.sendAsync(request, HttpResponse.BodyHandlers.ofString()).await()

            response.version() shouldBe HttpClient.Version.HTTP_2
            response.statusCode() shouldBeInRange 400..499
            response.headers().map() shouldNotContainKey "upgrade"
            response.headers().map() shouldNotContainKey "connection"
        }
    }
})

private const val KEY = "AAAAAAAAAAAAAAAAAAAAAA=="

private suspend fun connectFailure(client: HttpClient, url: String): WebSocketHandshakeException =
    withContext(Dispatchers.IO) {
        val failure =
            try {
                client.newWebSocketBuilder().buildAsync(URI(url), object : WebSocket.Listener {}).join()
                null
            } catch (e: CompletionException) {
                e.cause
            }
        withClue(failure) { failure.shouldBeInstanceOf<WebSocketHandshakeException>() }
    }

private fun TestServer.handshake(
    path: String = "/live",
    version: String = "HTTP/1.1",
    host: String? = "127.0.0.1:$port",
    upgrade: String? = "websocket",
    connection: String = "Upgrade",
    more: List<String> = emptyList(),
    body: String = "",
): RawHttpResponse {
    val lines =
        listOfNotNull(
            host?.let { "Host: $it" },
            upgrade?.let { "Upgrade: $it" },
            "Connection: $connection",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: $KEY",
        )
    return exchange(port, "GET $path $version", lines + more, body)
}

private fun Application.endpoints() {
    install(Live)
    install(Authentication) { bearer("operators") { authenticate { null } } }
    routing {
        live<Unit>("/live")
        live<String>("/known") {
            serverSentEvents()
            authenticate { call -> call.bearerToken() }
            topic<Int>("t")
        }
        live<String>("/digest") {
            authenticate { call ->
                call.response.header(HttpHeaders.WWWAuthenticate, "Digest realm=\"us\"")
                null
            }
        }
        authenticate("operators", optional = true) { liveAdmin("/admin") }
    }
}
