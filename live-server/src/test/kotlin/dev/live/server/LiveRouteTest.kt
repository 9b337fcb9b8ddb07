package dev.live.server

import dev.live.server.endpoint.bearerToken
import dev.live.server.support.Engine
import dev.live.server.support.TestServer
import dev.live.server.support.withServer
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.shouldBe
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.response.respondText
import io.ktor.server.routing.get
import io.ktor.server.routing.routing
import kotlinx.coroutines.future.await
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse

/** HTTP routes that identify the clients of an endpoint. */
class LiveRouteTest : FunSpec({

    for (engine in Engine.usual) {
        test("a route identifies a client by the endpoint's authenticate on $engine") {
            withServer(engine, { files() }) {
                get("/files", "Authorization" to "Bearer ann") shouldBe "ann"
                get("/files", "Authorization" to "Bearer stranger") shouldBe "null"
                get("/files") shouldBe "null"
            }
        }
    }

    test("a page of another origin is not identified, whatever its credentials") {
        withServer(Engine.Netty, { files() }) {
            val token = "Authorization" to "Bearer ann"

            get("/files", token, "Origin" to "http://127.0.0.1:$port") shouldBe "ann"
            get("/files", token, "Origin" to "https://evil.example") shouldBe "null"
            get("/files", token, "Sec-Fetch-Site" to "cross-site") shouldBe "null"
        }
    }

    test("an endpoint that authenticates by message identifies no request") {
        withServer(Engine.Netty, { files() }) {
            get("/by-message/files", "Authorization" to "Bearer ann") shouldBe "null"
        }
    }

    test("an endpoint without authenticate identifies every client of an allowed page") {
        withServer(Engine.Netty, { files() }) {
            get("/public/files") shouldBe "kotlin.Unit"
            get("/public/files", "Origin" to "https://evil.example") shouldBe "null"
        }
    }
})

private fun Application.files() {
    install(Live)
    routing {
        val own = live<String>("/live") { authenticate { call -> call.bearerToken()?.takeIf { it != "stranger" } } }
        get("/files") { call.respondText("${own.identify(call)}") }
        val byMessage = live<String>("/by-message") { authenticateByMessage { it } }
        get("/by-message/files") { call.respondText("${byMessage.identify(call)}") }
        val public = live<Unit>("/public")
        get("/public/files") { call.respondText("${public.identify(call)}") }
    }
}

private suspend fun TestServer.get(path: String, vararg headers: Pair<String, String>): String {
    val request = HttpRequest.newBuilder(URI("http://127.0.0.1:$port$path"))
    for ((name, value) in headers) request.header(name, value)
    return HttpClient.newHttpClient().sendAsync(request.build(), HttpResponse.BodyHandlers.ofString()).await().body()
}
