package dev.live.server.support

import kotlinx.coroutines.future.await
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse

/** The response to an HTTP request. */
internal class TestResponse(val status: Int, val text: String, private val headers: (String) -> String?) {
    val json: JsonElement get() = Json.parseToJsonElement(text)

    fun header(name: String): String? = headers(name)
}

private val http: HttpClient = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()

internal suspend fun TestServer.get(path: String, vararg headers: Pair<String, String>): TestResponse =
    call(path, headers) { GET() }

internal suspend fun TestServer.post(path: String, body: String, vararg headers: Pair<String, String>): TestResponse =
    call(path, headers) { POST(HttpRequest.BodyPublishers.ofString(body)) }

private suspend fun TestServer.call(
    path: String,
    headers: Array<out Pair<String, String>>,
    method: HttpRequest.Builder.() -> HttpRequest.Builder,
): TestResponse {
    val request = HttpRequest.newBuilder(URI("http://127.0.0.1:$port$path")).method()
    for ((name, value) in headers) request.header(name, value)
    val response = http.sendAsync(request.build(), HttpResponse.BodyHandlers.ofString()).await()
    return TestResponse(response.statusCode(), response.body()) { response.headers().firstValue(it).orElse(null) }
}
