package dev.live.samples.syncnotes

import dev.live.samples.syncnotes.engine.AheadOfLogException
import dev.live.samples.syncnotes.engine.SyncEngine
import dev.live.samples.syncnotes.wire.Batch
import dev.live.samples.syncnotes.wire.Problem
import dev.live.samples.syncnotes.wire.Rules
import io.ktor.http.CacheControl
import io.ktor.http.ContentType
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import io.ktor.server.request.contentType
import io.ktor.server.request.receiveChannel
import io.ktor.server.response.cacheControl
import io.ktor.server.response.respondText
import io.ktor.server.routing.Route
import io.ktor.server.routing.get
import io.ktor.server.routing.post
import io.ktor.utils.io.readRemaining
import kotlinx.io.readByteArray
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json

/** The engine over HTTP: `GET /changes?scope&since` and `POST /changes`. Errors have a reason and a remedy. */
fun Route.changesApi(engine: SyncEngine) {
    get("/changes") { call.respondJson { engine.changes(call.scope(), call.since()) } }
    post("/changes") { call.respondJson { engine.post(call.batch()) } }
}

private class RejectedException(val status: HttpStatusCode, val problem: Problem) : Exception(problem.reason)

private suspend inline fun <reified T> ApplicationCall.respondJson(work: suspend () -> T) {
    response.cacheControl(CacheControl.NoStore(null))
    val (status, text) =
        try {
            HttpStatusCode.OK to json.encodeToString(work())
        } catch (e: RejectedException) {
            e.status to json.encodeToString(e.problem)
        } catch (e: AheadOfLogException) {
            val reason = "${e.message}: this log is older; discard the pulled changes and pull with since=0"
            HttpStatusCode.Conflict to json.encodeToString(Problem(Problem.AHEAD_OF_LOG, reason))
        }
    respondText(text, ContentType.Application.Json, status)
}

private fun ApplicationCall.scope(): String =
    request.queryParameters["scope"].orEmpty().also { rejectIf(Rules.ofScope(it)) }

private fun ApplicationCall.since(): Long = checkedSince(request.queryParameters["since"].orEmpty())

private fun checkedSince(text: String): Long {
    val since = text.toLongOrNull()
    if (since != null && since >= 0) return since
    badRequest("since must be an integer of at least 0, was '${text.take(MAX_ECHOED)}'; start with since=0")
}

private suspend fun ApplicationCall.batch(): Batch {
    // a page of another origin cannot send JSON without a CORS preflight
    if (!request.contentType().match(ContentType.Application.Json)) {
        val reason = "the body must be JSON; set Content-Type: application/json"
        throw RejectedException(HttpStatusCode.UnsupportedMediaType, Problem(Problem.BAD_REQUEST, reason))
    }
    val body = receiveChannel().readRemaining(MAX_BYTES + 1).readByteArray()
    if (body.size > MAX_BYTES) {
        val reason = "the body has more than $MAX_BYTES bytes; send fewer edits per request"
        val problem = Problem(Problem.TOO_LARGE, reason)
        throw RejectedException(HttpStatusCode.PayloadTooLarge, problem)
    }
    val batch =
        try {
            json.decodeFromString<Batch>(body.decodeToString(throwOnInvalidSequence = true))
        } catch (e: SerializationException) {
            badRequest("the body is not a valid batch: ${e.message?.lineSequence()?.first()}; example: $EXAMPLE")
        } catch (_: CharacterCodingException) {
            badRequest("the body must be encoded in UTF-8")
        }
    rejectIf(Rules.ofScope(batch.scope))
    checkedSince(batch.since.toString())
    rejectIf(Rules.ofEdits(batch.edits))
    return batch
}

private fun rejectIf(problem: String?) {
    if (problem != null) badRequest(problem)
}

private fun badRequest(reason: String): Nothing =
    throw RejectedException(HttpStatusCode.BadRequest, Problem(Problem.BAD_REQUEST, reason))

private val json = Json { ignoreUnknownKeys = true }

/** Larger than any valid batch. */
private const val MAX_BYTES = 1L shl 20
private const val MAX_ECHOED = 40
private const val EXAMPLE =
    """{"scope":"groceries","since":0,"edits":[{"changeId":"c1","noteId":"n1","text":"milk","author":"ann"}]}"""
