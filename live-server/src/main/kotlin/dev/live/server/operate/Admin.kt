package dev.live.server.operate

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.server.endpoint.DeclaredTopics
import dev.live.server.endpoint.EndpointContext
import dev.live.server.endpoint.HandlerGuard
import dev.live.server.endpoint.httpStatus
import dev.live.server.endpoint.respondError
import dev.live.server.endpoint.respondJson
import dev.live.server.observe.LiveStats
import dev.live.server.session.Session
import io.ktor.http.ContentType
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import io.ktor.server.response.header
import io.ktor.server.response.respondText
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import org.slf4j.Logger
import org.slf4j.LoggerFactory

/** Answers an operator: what the server does, and two things that can be done about it. No payload is ever shown. */
internal class Admin(
    private val context: EndpointContext,
    declared: DeclaredTopics,
    private val stats: () -> LiveStats,
) {
    private val sessions = SessionRows(context)
    private val topics = TopicRows(context)
    private val publisher = DeclaredPublisher(context, declared)
    private val guard = HandlerGuard(context.sessionSettings.handlerTimeout)
    private val page by lazy(::AdminPage)

    suspend fun page(call: ApplicationCall) {
        call.response.header("Content-Security-Policy", page.policy)
        call.response.header("X-Frame-Options", "DENY") // of browsers that do not know frame-ancestors
        call.guardHeaders()
        call.response.header(HttpHeaders.CacheControl, "no-store")
        call.respondText(page.html, ContentType.Text.Html)
    }

    suspend fun overview(call: ApplicationCall) = answer(call) { overview(context, stats(), sessions, topics) }

    suspend fun sessions(call: ApplicationCall) =
        answer(call) {
            val query = call.request.queryParameters
            val page = sessions.page(Paging.of(query, SessionRows.SORTS), query["topic"]?.ifEmpty { null })
            rows(page.matched, page.rows.map { it.toJson() })
        }

    suspend fun topics(call: ApplicationCall) =
        answer(call) {
            val page = topics.page(Paging.of(call.request.queryParameters, TopicRows.SORTS))
            rows(page.matched, page.rows.map { it.toJson() })
        }

    suspend fun kick(call: ApplicationCall) =
        change(call) { request ->
            val reason = request.text("reason")?.ifBlank { null } ?: "disconnected by an operator"
            badUnless(reason.encodeToByteArray().size <= MAX_REASON) { "reason must be at most $MAX_REASON bytes" }
            val chosen = chosenIn(request)
            for (session in chosen) session.kick(reason)
            log.info("An operator kicked {} sessions.", chosen.size)
            buildJsonObject { put("kicked", chosen.size) }
        }

    suspend fun publish(call: ApplicationCall) =
        change(call) { request ->
            val topic = request.text("topic").orEmpty()
            val data = request["data"] ?: throw LiveException(ErrorCode.BadPayload, "data is missing")
            val body = Body.json(data.toString(), context.limits.decode)
            publisher.check(topic, body)
            guard.made("liveAdmin publish") { publisher.publish(publisher.prepare(topic, body)).toJson(topic) }
        }

    /** The page names a session and means its user: what it shows of a user's name may be cut off. */
    private fun chosenIn(request: JsonObject): Set<Session<*>> {
        val id = request.text("session")
        val user = request.text("user")
        badUnless((id == null) != (user == null)) { "name either the session or the user to kick" }
        val one = id?.let(context.sessions::find)
        val everybody = user ?: one?.user?.takeIf { request["allOfUser"] == JsonPrimitive(true) }
        return if (everybody != null) context.sessions.ofUser(everybody) else setOfNotNull(one)
    }

    /** A request that changes something, with JSON that no other site can have sent. */
    private suspend fun change(call: ApplicationCall, carryOut: suspend (JsonObject) -> JsonObject) {
        val forged = call.whyForged(context.refusedOrigins)
        if (forged != null) return call.respondError(HttpStatusCode.Forbidden, ErrorCode.Forbidden.wire, forged)
        answer(call) {
            val request = call.receiveJson(context.limits.frames.maxMessageSize, context.limits.decode)
            carryOut(request as? JsonObject ?: throw LiveException(ErrorCode.BadPayload, "the body must be an object"))
        }
    }

    private suspend inline fun answer(call: ApplicationCall, make: () -> JsonObject) {
        call.guardHeaders()
        val json =
            try {
                make()
            } catch (e: IllegalArgumentException) {
                val reason = e.message.orEmpty()
                return call.respondError(HttpStatusCode.BadRequest, ErrorCode.BadPayload.wire, reason)
            } catch (e: LiveException) {
                return call.respondError(e.code.httpStatus(), e.code.wire, e.reason)
            }
        call.respondJson(json)
    }

    private fun ApplicationCall.guardHeaders() {
        response.header("X-Content-Type-Options", "nosniff")
        response.header("Referrer-Policy", "no-referrer")
    }

    private fun rows(matched: Int, rows: List<JsonObject>) =
        buildJsonObject {
            put("matched", matched)
            put("rows", JsonArray(rows))
        }

    private inline fun badUnless(isRight: Boolean, reason: () -> String) {
        if (!isRight) throw LiveException(ErrorCode.BadPayload, reason())
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.operate")

        /** What fits into a close frame. */
        const val MAX_REASON = 123
    }
}
