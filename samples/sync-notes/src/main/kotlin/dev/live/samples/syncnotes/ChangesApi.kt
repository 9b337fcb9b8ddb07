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

/** The engine over HTTP: `GET /changes?scope&since` and `POST /changes`. What is refused says why and what to do. */
fun Route.changesApi(engine: SyncEngine) {
    get("/changes") { call.answer { engine.changes(call.scope(), call.since()) } }
    post("/changes") { call.answer { engine.post(call.batch()) } }
}

private class RefusedException(val status: HttpStatusCode, val problem: Problem) : Exception(problem.reason)

private suspend inline fun <reified T> ApplicationCall.answer(work: suspend () -> T) {
    response.cacheControl(CacheControl.NoStore(null))
    val (status, text) =
        try {
            HttpStatusCode.OK to json.encodeToString(work())
        } catch (e: RefusedException) {
            e.status to json.encodeToString(e.problem)
        } catch (e: AheadOfLogException) {
            val reason = "${e.message}: this server has an older copy; drop what was pulled and begin with since=0"
            HttpStatusCode.Conflict to json.encodeToString(Problem(Problem.AHEAD_OF_LOG, reason))
        }
    respondText(text, ContentType.Application.Json, status)
}

private fun ApplicationCall.scope(): String =
    request.queryParameters["scope"].orEmpty().also { refuseFor(Rules.ofScope(it)) }

private fun ApplicationCall.since(): Long = checkedSince(request.queryParameters["since"].orEmpty())

private fun checkedSince(text: String): Long {
    val since = text.toLongOrNull()
    if (since != null && since >= 0) return since
    bad("since must be a whole number of at least 0, was '${text.take(MAX_SHOWN)}'; begin with since=0")
}

private suspend fun ApplicationCall.batch(): Batch {
    // a page of another origin may send text without being asked, but not this
    if (!request.contentType().match(ContentType.Application.Json)) {
        val reason = "the body must be JSON; send Content-Type: application/json"
        throw RefusedException(HttpStatusCode.UnsupportedMediaType, Problem(Problem.BAD_REQUEST, reason))
    }
    val body = receiveChannel().readRemaining(MAX_BYTES + 1).readByteArray()
    if (body.size > MAX_BYTES) {
        val problem = Problem(Problem.TOO_LARGE, "the body has more than $MAX_BYTES bytes; send fewer edits at a time")
        throw RefusedException(HttpStatusCode.PayloadTooLarge, problem)
    }
    val batch =
        try {
            json.decodeFromString<Batch>(body.decodeToString(throwOnInvalidSequence = true))
        } catch (e: SerializationException) {
            bad("the body is no batch of edits: ${e.message?.lineSequence()?.first()}; send $EXAMPLE")
        } catch (_: CharacterCodingException) {
            bad("the body is not UTF-8; encode it so")
        }
    refuseFor(Rules.ofScope(batch.scope))
    checkedSince(batch.since.toString())
    refuseFor(Rules.ofEdits(batch.edits))
    return batch
}

private fun refuseFor(complaint: String?) {
    if (complaint != null) bad(complaint)
}

private fun bad(reason: String): Nothing =
    throw RefusedException(HttpStatusCode.BadRequest, Problem(Problem.BAD_REQUEST, reason))

private val json = Json { ignoreUnknownKeys = true }

/** More than the largest batch that is allowed can have. */
private const val MAX_BYTES = 1L shl 20
private const val MAX_SHOWN = 40
private const val EXAMPLE =
    """{"scope":"groceries","since":0,"edits":[{"changeId":"c1","noteId":"n1","text":"milk","author":"ann"}]}"""
