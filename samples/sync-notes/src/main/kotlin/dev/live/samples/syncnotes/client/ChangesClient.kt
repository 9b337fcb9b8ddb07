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

/** The log on the server is older than the cursor of this client. */
class AheadOfServerException : IOException("the list on the server is older")

/** HTTP client of the sync engine. Closed by its owner. @param server such as `http://localhost:8080` */
class ChangesClient(private val server: String) : AutoCloseable {
    private val http = HttpClient(CIO) { install(HttpTimeout) { requestTimeoutMillis = 10_000 } }

    /**
     * Returns the changes of [scope] after [since].
     *
     * @throws AheadOfServerException if the log ends before [since]
     * @throws IOException if the server cannot be reached, or responds with another error
     */
    suspend fun changes(scope: String, since: Long): Page =
        read(
            http.get("$server/changes") {
                parameter("scope", scope)
                parameter("since", since)
            },
        )

    /** Sends [batch]. Idempotent. Throws like [changes]. */
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
        if (!response.status.isSuccess()) throw errorOf(response.status, text)
        return try {
            json.decodeFromString(text)
        } catch (e: SerializationException) {
            throw IOException("the response of the server is invalid", e)
        }
    }

    private fun errorOf(status: HttpStatusCode, text: String): IOException {
        val problem =
            try {
                json.decodeFromString<Problem>(text)
            } catch (_: SerializationException) {
                Problem("", "the server responded with status ${status.value}")
            }
        return if (problem.error == Problem.AHEAD_OF_LOG) AheadOfServerException() else IOException(problem.reason)
    }

    private companion object {
        val json = Json { ignoreUnknownKeys = true }
    }
}
