package dev.live.samples.syncnotes.client

import dev.live.samples.syncnotes.wire.Batch
import dev.live.samples.syncnotes.wire.Page
import dev.live.samples.syncnotes.wire.Posted
import dev.live.samples.syncnotes.wire.Problem
import io.ktor.client.HttpClient
import io.ktor.client.engine.cio.CIO
import io.ktor.client.plugins.HttpTimeout
import io.ktor.client.request.get
import io.ktor.client.request.parameter
import io.ktor.client.request.post
import io.ktor.client.request.setBody
import io.ktor.client.statement.HttpResponse
import io.ktor.client.statement.bodyAsText
import io.ktor.http.ContentType
import io.ktor.http.HttpStatusCode
import io.ktor.http.contentType
import io.ktor.http.isSuccess
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import java.io.IOException

/** The server has an older copy of the log than the one this client knows. */
class AheadOfServerException : IOException("the server has an older copy of this list")

/** The engine, over HTTP. Closes with its owner. @param server such as `http://localhost:8080` */
class ChangesClient(private val server: String) : AutoCloseable {
    private val http = HttpClient(CIO) { install(HttpTimeout) { requestTimeoutMillis = 10_000 } }

    /**
     * What came in [scope] after [since].
     *
     * @throws AheadOfServerException if the log does not reach as far as [since]
     * @throws IOException if the server cannot be reached or answers anything else
     */
    suspend fun changes(scope: String, since: Long): Page =
        read(
            http.get("$server/changes") {
                parameter("scope", scope)
                parameter("since", since)
            },
        )

    /** Sends [batch]; twice does no harm. Throws as [changes]. */
    suspend fun post(batch: Batch): Posted =
        read(
            http.post("$server/changes") {
                contentType(ContentType.Application.Json)
                setBody(json.encodeToString(batch))
            },
        )

    override fun close(): Unit = http.close()

    private suspend inline fun <reified T> read(response: HttpResponse): T {
        val text = response.bodyAsText()
        if (!response.status.isSuccess()) throw refusal(response.status, text)
        return try {
            json.decodeFromString(text)
        } catch (e: SerializationException) {
            throw IOException("the server's answer cannot be read", e)
        }
    }

    private fun refusal(status: HttpStatusCode, text: String): IOException {
        val problem =
            try {
                json.decodeFromString<Problem>(text)
            } catch (_: SerializationException) {
                Problem("", "the server answered ${status.value}")
            }
        return if (problem.error == Problem.AHEAD_OF_LOG) AheadOfServerException() else IOException(problem.reason)
    }

    private companion object {
        val json = Json { ignoreUnknownKeys = true }
    }
}
