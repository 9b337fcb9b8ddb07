package dev.live.server.operate

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.RefPrefix
import dev.live.server.broker.Publication
import dev.live.server.endpoint.DeclaredTopics
import dev.live.server.endpoint.EndpointContext
import dev.live.server.endpoint.HandlerGuard
import dev.live.server.endpoint.IdempotentReplies
import dev.live.server.endpoint.KeyLimits
import dev.live.server.endpoint.httpStatus
import dev.live.server.endpoint.respondError
import dev.live.server.endpoint.respondJson
import io.ktor.http.ContentType
import io.ktor.http.HttpHeaders
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import io.ktor.server.request.contentType
import io.ktor.server.request.header
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** What `livePublish` declares. */
internal class PublishSettings(
    val keys: List<String>,
    val maxBodyBytes: Int,
    val maxBatch: Int,
    val idempotencyWindow: Duration,
)

/** Answers backends that publish over HTTP. Nothing of what they send is logged. */
internal class PublishApi(
    private val context: EndpointContext,
    declared: DeclaredTopics,
    private val settings: PublishSettings,
    private val sendToUser: (String, Message) -> Int,
) {
    private val keys = PublishKeys(settings.keys)
    private val publisher = DeclaredPublisher(context, declared)
    private val guard = HandlerGuard(context.sessionSettings.handlerTimeout, context.handlers, context.scope)

    /** Of each backend's requests with a key; a backend is no user, and has as many keys as all have together. */
    private val replies = IdempotentReplies(settings.idempotencyWindow, KeyLimits(keysPerUser = 10_000), context.now)

    suspend fun answer(call: ApplicationCall) {
        val key = call.request.header(HttpHeaders.Authorization)?.takeIf { it.startsWith(SCHEME, ignoreCase = true) }
        val backend = if (key == null) -1 else keys.indexOf(key.substring(SCHEME.length).trim())
        if (backend < 0) {
            return call.respondError(
                HttpStatusCode.Unauthorized,
                "unauthorized",
                "Send one of the keys: Authorization: Bearer <key>.",
            )
        }
        if (!call.request.contentType().match(ContentType.Application.Json)) {
            val reason = "Content-Type must be application/json"
            return call.respondError(HttpStatusCode.UnsupportedMediaType, ErrorCode.BadMessage.wire, reason)
        }
        if (context.isDraining()) {
            return call.respondError(HttpStatusCode.ServiceUnavailable, "unavailable", "The server restarts.", WAIT)
        }
        try {
            call.respondJson(answer(call, backend))
        } catch (e: LiveException) {
            call.respondError(e.code.httpStatus(), e.code.wire, e.reason, e.retryAfter)
        }
    }

    private suspend fun answer(call: ApplicationCall, backend: Int): JsonElement {
        val json = call.receiveJson(settings.maxBodyBytes, context.limits.decode)
        val request = PublishRequest.of(json, settings.maxBatch, context.limits.decode)
        // all of them before the first: one that is wrong leaves nothing half done
        request.forEach { item -> if (item.topic != null) publisher.check(item.topic, item.body) }
        val key = call.request.header(IDEMPOTENCY_KEY) ?: return carryOutOrThrow(request)
        return Json.parseToJsonElement(once(backend, key, json, request))
    }

    /** What [request] was answered the first time that it came with [key]. */
    private suspend fun once(backend: Int, key: String, json: JsonElement, request: PublishRequest): String {
        val named =
            try {
                Message("publish", ref = RefPrefix.KEY + key, body = Body.json(json.toString(), context.limits.decode))
            } catch (_: IllegalArgumentException) {
                throw LiveException(ErrorCode.BadPayload, "$IDEMPOTENCY_KEY must be at most 63 bytes of printable text")
            }
        val body =
            replies.reply("backend $backend", named, context.scope) {
                var answer: Body? = null
                val failure = guard.answer(NAME) { answer = Body.json(carryOut(request).toString()) }
                IdempotentReplies.Outcome(answer, failure)
            }
        return (body as? Body.Json ?: error("unreachable: every answer is JSON")).text
    }

    /** As [carryOut]; what fails is logged, and told by the id of that line. */
    private suspend fun carryOutOrThrow(request: PublishRequest): JsonElement =
        guard.made(NAME) { carryOut(request) }

    private suspend fun carryOut(request: PublishRequest): JsonElement {
        // what can fail of all of them before the first: whoever is told of a failure may send all of them again
        val publications = request.items.map { item -> item.topic?.let { publisher.prepare(it, item.body) } }
        val answers = request.items.zip(publications) { item, publication -> carryOut(item, publication) }
        return if (request.isList) JsonArray(answers) else answers.single()
    }

    private suspend fun carryOut(item: PublishItem, publication: Publication?): JsonObject {
        if (publication != null) return publisher.publish(publication).toJson(publication.topic)
        val user = item.user ?: error("unreachable: it is for a topic or for a user")
        return buildJsonObject {
            put("user", user)
            put("sessions", sendToUser(user, item.toMessage()))
        }
    }

    private inline fun PublishRequest.forEach(check: (PublishItem) -> Unit) {
        if (!isList) return check(items.single())
        items.forEachIndexed { i, item -> numbered(i) { check(item) } }
    }

    private companion object {
        const val SCHEME = "Bearer "
        const val IDEMPOTENCY_KEY = "Idempotency-Key"
        const val NAME = "livePublish"
        val WAIT = 5.seconds
    }
}
