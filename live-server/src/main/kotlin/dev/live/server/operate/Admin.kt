package dev.live.server.operate

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.server.broker.NodeStatus
import dev.live.server.dispatch.HandlerGuard
import dev.live.server.endpoint.DeclaredTopics
import dev.live.server.http.EndpointContext
import dev.live.server.http.httpStatus
import dev.live.server.http.respondError
import dev.live.server.http.respondJson
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

/** The API of the admin page: server activity, and the operations kick and publish. Payloads are never shown. */
internal class Admin(
    private val context: EndpointContext,
    declared: DeclaredTopics,
    private val nodes: () -> List<NodeStatus>,
    private val stats: () -> LiveStats,
) {
    private val sessions = SessionRows(context)
    private val topics = TopicRows(context)
    private val publisher = DeclaredPublisher(context, declared)
    private val guard = HandlerGuard(context.sessionSettings.handlerTimeout)
    private val page by lazy(::AdminPage)

    suspend fun page(call: ApplicationCall) {
        call.response.header("Content-Security-Policy", page.policy)
        call.response.header("X-Frame-Options", "DENY") // for browsers without support for frame-ancestors
        call.addSecurityHeaders()
        call.response.header(HttpHeaders.CacheControl, "no-store")
        call.respondText(page.html, ContentType.Text.Html)
    }

    suspend fun overview(call: ApplicationCall) = respond(call) {
        overview(context, stats(), nodes(), sessions, topics)
    }

    suspend fun sessions(call: ApplicationCall) =
        respond(call) {
            val query = call.request.queryParameters
            val page = sessions.page(Paging.of(query, SessionRows.SORTS), query["topic"]?.ifEmpty { null })
            rows(page.matched, page.rows.map { it.toJson() })
        }

    suspend fun topics(call: ApplicationCall) =
        respond(call) {
            val page = topics.page(Paging.of(call.request.queryParameters, TopicRows.SORTS))
            rows(page.matched, page.rows.map { it.toJson() })
        }

    suspend fun kick(call: ApplicationCall) =
        modify(call) { request ->
            val reason = request.text("reason")?.ifBlank { null } ?: "disconnected by an operator"
            requirePayload(reason.encodeToByteArray().size <= MAX_REASON) { "reason must be at most $MAX_REASON bytes" }
            val kicked = sessionsToKick(request)
            for (session in kicked) session.kick(reason)
            log.info("An operator kicked {} sessions.", kicked.size)
            buildJsonObject { put("kicked", kicked.size) }
        }

    suspend fun publish(call: ApplicationCall) =
        modify(call) { request ->
            val topic = request.text("topic").orEmpty()
            val data = request["data"] ?: throw LiveException(ErrorCode.BadPayload, "data is missing")
            val body = Body.json(data.toString(), context.limits.decode)
            publisher.check(topic, body)
            guard.isolateValue("liveAdmin publish") { publisher.publish(publisher.prepare(topic, body)).toJson(topic) }
        }

    /**
     * The page sends a session id and `allOfUser` to kick a user, because the user name that it displays may be
     * truncated.
     */
    private fun sessionsToKick(request: JsonObject): Set<Session<*>> {
        val id = request.text("session")
        val user = request.text("user")
        requirePayload((id == null) != (user == null)) { "exactly one of session and user must be set" }
        val session = id?.let(context.sessions::find)
        val userToKick = user ?: session?.user?.takeIf { request["allOfUser"] == JsonPrimitive(true) }
        return if (userToKick != null) context.sessions.ofUser(userToKick) else setOfNotNull(session)
    }

    /** Handles a request that modifies state. Rejects cross-site requests. */
    private suspend fun modify(call: ApplicationCall, execute: suspend (JsonObject) -> JsonObject) {
        val crossSite = call.crossSiteReason(context.rejectedOrigins)
        if (crossSite != null) return call.respondError(HttpStatusCode.Forbidden, ErrorCode.Forbidden.wire, crossSite)
        respond(call) {
            val request = call.receiveJson(context.limits.frames.maxMessageSize, context.limits.decode)
            execute(request as? JsonObject ?: throw LiveException(ErrorCode.BadPayload, "the body must be an object"))
        }
    }

    private suspend inline fun respond(call: ApplicationCall, body: () -> JsonObject) {
        call.addSecurityHeaders()
        val json =
            try {
                body()
            } catch (e: IllegalArgumentException) {
                val reason = e.message.orEmpty()
                return call.respondError(HttpStatusCode.BadRequest, ErrorCode.BadPayload.wire, reason)
            } catch (e: LiveException) {
                return call.respondError(e.code.httpStatus(), e.code.wire, e.reason)
            }
        call.respondJson(json)
    }

    private fun ApplicationCall.addSecurityHeaders() {
        response.header("X-Content-Type-Options", "nosniff")
        response.header("Referrer-Policy", "no-referrer")
    }

    private fun rows(matched: Int, rows: List<JsonObject>) =
        buildJsonObject {
            put("matched", matched)
            put("rows", JsonArray(rows))
        }

    private inline fun requirePayload(isValid: Boolean, reason: () -> String) {
        if (!isValid) throw LiveException(ErrorCode.BadPayload, reason())
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("dev.live.server.operate")

        /** Maximum bytes of a reason in a close frame. */
        const val MAX_REASON = 123
    }
}
