package dev.live.server

import dev.live.server.support.CapturedLogs
import dev.live.server.support.Engine
import dev.live.server.support.RawHttpResponse
import dev.live.server.support.TestServer
import dev.live.server.support.askForUpgrade
import dev.live.server.support.exchange
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldBeEmpty
import io.kotest.matchers.collections.shouldHaveSize
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.application.serverConfig
import io.ktor.server.engine.EngineConnectorBuilder
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.plugins.forwardedheaders.ForwardedHeaders
import io.ktor.server.plugins.forwardedheaders.XForwardedHeaders
import io.ktor.server.routing.routing
import kotlinx.coroutines.future.await
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse

/** Origin checks behind a proxy that forwards requests with another host than the browser uses. */
class OriginsBehindProxyTest : FunSpec({

    for (engine in Engine.usual) {
        context("on $engine") {
            test("a rejection names the origin and the host in the response and once in the log") {
                withServer(engine, { endpoints() }) {
                    CapturedLogs(LOGGER).use { logs ->
                        // nginx's documented WebSocket block replaces Host with the upstream's name
                        val responses = List(3) { page("https://app.example.com", host = "backend:8080") }

                        responses.map { it.status } shouldBe listOf(403, 403, 403)
                        responses.first().body shouldBe
                            "The origin https://app.example.com is not allowed for the host backend:8080."
                        val warning = logs.messages.single()
                        warning shouldContain "https://app.example.com"
                        warning shouldContain "backend:8080"
                        warning shouldContain """origins { allow("https://app.example.com") }"""
                        warning shouldContain "X-Forwarded-Host"
                    }
                }
            }

            test("with XForwardedHeaders the forwarded host is used") {
                withServer(engine, { endpoints(plugins = { install(XForwardedHeaders) }) }) {
                    page("https://app.example.com", "backend:8080", "X-Forwarded-Host: app.example.com").status shouldBe
                        101
                    page(
                        "https://app.example.com",
                        "backend:8080",
                        "X-Forwarded-Host: app.example.com",
                        "X-Forwarded-Proto: https",
                    ).status shouldBe 101
                    page(
                        "http://app.example.com:8081",
                        "backend",
                        "X-Forwarded-Host: app.example.com:8081",
                    ).status shouldBe
                        101
                    page("https://evil.example", "backend:8080", "X-Forwarded-Host: app.example.com").status shouldBe
                        403
                    page("https://app.example.com:8443", "backend", "X-Forwarded-Host: app.example.com").status shouldBe
                        403
                    // the unchanged Host of the browser is still accepted
                    page(
                        "https://app.example.com:8443",
                        "app.example.com:8443",
                        "X-Forwarded-Proto: https",
                    ).status shouldBe
                        101
                }
            }

            test("with ForwardedHeaders the forwarded host is used") {
                withServer(engine, { endpoints(plugins = { install(ForwardedHeaders) }) }) {
                    page(
                        "https://app.example.com",
                        "backend",
                        "Forwarded: for=192.0.2.1;host=app.example.com;proto=https",
                    )
                        .status shouldBe 101
                    page("https://evil.example", "backend", "Forwarded: for=192.0.2.1;host=app.example.com;proto=https")
                        .status shouldBe 403
                }
            }

            test("without these plugins forwarding headers are ignored, because a client could send them") {
                withServer(engine, { endpoints() }) {
                    page("https://app.example.com", "backend", "X-Forwarded-Host: app.example.com").status shouldBe 403
                    page("https://app.example.com", "backend", "Forwarded: host=app.example.com").status shouldBe 403
                }
            }

            test("state-changing requests of the admin page use the same hosts") {
                withServer(engine, { endpoints(plugins = { install(XForwardedHeaders) }) }) {
                    kick("https://app.example.com", "backend", "X-Forwarded-Host: app.example.com").status shouldBe 200
                    CapturedLogs(LOGGER).use { logs ->
                        val rejected = kick("https://evil.example", "backend", "X-Forwarded-Host: app.example.com")

                        rejected.status shouldBe 403
                        rejected.body shouldContain "The origin https://evil.example"
                        logs.messages.single() shouldContain "https://evil.example"
                    }
                }
            }

            test("origins with a custom scheme may connect where allowed") {
                val origins =
                    listOf("capacitor://localhost", "ionic://localhost", "tauri://localhost", "moz-extension://a-1")
                withServer(engine, { endpoints(LiveConfig::allowApplications) }) {
                    for (origin in origins) page(origin, host = "api.example.com").status shouldBe 101
                    page("null", host = "api.example.com").status shouldBe 403
                    page("capacitor://other", host = "api.example.com").status shouldBe 403
                }
            }
        }
    }

    test("a client that invents origins does not fill the log") {
        withServer(Engine.Netty, { endpoints() }) {
            CapturedLogs(LOGGER).use { logs ->
                repeat(40) { page("https://$it.example", host = "backend") }

                logs.messages shouldHaveSize 16
            }
        }
    }

    test("a host without a readable port rejects the page and logs no error") {
        withServer(Engine.Netty, { endpoints(plugins = { install(XForwardedHeaders) }) }) {
            CapturedLogs().use { logs ->
                page("https://app.example.com", host = "[::1]").status shouldBe 403
                page("http://[::1]", host = "[::1]").status shouldBe 101

                logs.lines.filter { it.startsWith("ERROR") }.shouldBeEmpty()
            }
        }
    }

    test("over HTTP/2, without a Host header, only the page of the server's own authority may change state") {
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
            val address = "http://127.0.0.1:${it.port}"
            val page = HttpRequest.newBuilder(URI("$address/live-admin"))
            client.sendAsync(page.build(), HttpResponse.BodyHandlers.ofString()).await()
            val statuses =
                listOf(address, "https://evil.example").map { origin ->
                    val kick =
                        HttpRequest.newBuilder(URI("$address/live-admin/api/kick"))
                            .header("Content-Type", "application/json")
                            .header("Origin", origin)
                            .POST(HttpRequest.BodyPublishers.ofString("""{"user":"ann"}"""))
                    client.sendAsync(kick.build(), HttpResponse.BodyHandlers.ofString()).await()
                        .let { response -> response.version() to response.statusCode() }
                }

            statuses shouldBe listOf(HttpClient.Version.HTTP_2 to 200, HttpClient.Version.HTTP_2 to 403)
        }
    }
})

private const val LOGGER = "dev.live.server.endpoint"

private fun TestServer.page(origin: String, host: String, vararg more: String): RawHttpResponse =
    askForUpgrade(
        port,
        "/live",
        "Origin" to origin,
        "Host" to host,
        *more.map { it.substringBefore(": ") to it.substringAfter(": ") }.toTypedArray(),
    )

private fun TestServer.kick(origin: String, host: String, vararg more: String): RawHttpResponse {
    val body = """{"user":"ann"}"""
    val lines =
        listOf("Host: $host", "Origin: $origin", "Content-Type: application/json", "Content-Length: ${body.length}")
    return exchange(port, "POST /live-admin/api/kick HTTP/1.1", lines + more, body)
}

private fun LiveConfig.allowApplications() {
    origins { allow("capacitor://localhost", "ionic://localhost", "tauri://localhost", "moz-extension://a-1") }
}

private fun Application.endpoints(config: LiveConfig.() -> Unit = {}, plugins: Application.() -> Unit = {}) {
    plugins()
    install(Live, config)
    routing {
        live<Unit>("/live")
        liveAdmin("/live-admin", unprotected = true)
    }
}
