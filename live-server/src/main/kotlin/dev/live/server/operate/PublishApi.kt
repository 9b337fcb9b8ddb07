package dev.live.server.operate

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.LiveException
import dev.live.protocol.Message
import dev.live.protocol.RefPrefix
import dev.live.server.broker.Publication
import dev.live.server.dispatch.HandlerGuard
import dev.live.server.endpoint.DeclaredTopics
import dev.live.server.endpoint.IdempotentReplies
import dev.live.server.endpoint.KeyLimits
import dev.live.server.http.EndpointContext
import dev.live.server.http.httpStatus
import dev.live.server.http.respondError
import dev.live.server.http.respondJson
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

/** The settings of `livePublish`. */
internal class PublishSettings(
    val keys: List<String>,
    val maxBodyBytes: Int,
    val maxBatch: Int,
    val idempotencyWindow: Duration,
)

/** Handles publish requests of backends over HTTP. The content of requests is never logged. */
internal class PublishApi(
    private val context: EndpointContext,
    declared: DeclaredTopics,
    private val settings: PublishSettings,
    private val sendToUser: suspend (String, Message) -> Int,
) {
    private val keys = PublishKeys(settings.keys)
    private val publisher = DeclaredPublisher(context, declared)
    private val guard = HandlerGuard(context.sessionSettings.handlerTimeout, context.handlers, context.scope)

    /**
     * Stored responses by idempotency key. A backend may use all keys of the node, so the limit per user is the same.
     */
    private val replies = IdempotentReplies(settings.idempotencyWindow, KeyLimits(keysPerUser = 10_000), context.now)

    suspend fun handle(call: ApplicationCall) {
        val key = call.request.header(HttpHeaders.Authorization)?.takeIf { it.startsWith(SCHEME, ignoreCase = true) }
        val backend = if (key == null) -1 else keys.indexOf(key.substring(SCHEME.length).trim())
        if (backend < 0) {
            return call.respondError(
                HttpStatusCode.Unauthorized,
                "unauthorized",
                "Missing or unknown key. Send the header Authorization: Bearer <key>.",
            )
        }
        if (!call.request.contentType().match(ContentType.Application.Json)) {
            val reason = "Content-Type must be application/json"
            return call.respondError(HttpStatusCode.UnsupportedMediaType, ErrorCode.BadMessage.wire, reason)
        }
        if (context.isDraining()) {
            return call.respondError(
                HttpStatusCode.ServiceUnavailable,
                "unavailable",
                "The server is restarting.",
                RETRY_AFTER,
            )
        }
        try {
            call.respondJson(execute(call, backend))
        } catch (e: LiveException) {
            call.respondError(e.code.httpStatus(), e.code.wire, e.reason, e.retryAfter)
        }
    }

    private suspend fun execute(call: ApplicationCall, backend: Int): JsonElement {
        val json = call.receiveJson(settings.maxBodyBytes, context.limits.decode)
        val request = PublishRequest.of(json, settings.maxBatch, context.limits.decode)
        // All items are checked before the first is published, so that an invalid item leaves no partial result.
        request.forEach { item -> if (item.topic != null) publisher.check(item.topic, item.body) }
        val key = call.request.header(IDEMPOTENCY_KEY) ?: return publishOrThrow(request)
        return Json.parseToJsonElement(publishOnce(backend, key, json, request))
    }

    /** Publishes [request], or returns the stored response if [key] was used before. */
    private suspend fun publishOnce(backend: Int, key: String, json: JsonElement, request: PublishRequest): String {
        val message =
            try {
                Message("publish", ref = RefPrefix.KEY + key, body = Body.json(json.toString(), context.limits.decode))
            } catch (_: IllegalArgumentException) {
                throw LiveException(ErrorCode.BadPayload, "$IDEMPOTENCY_KEY must be at most 63 bytes of printable text")
            }
        val body =
            replies.reply("backend $backend", message, context.scope) {
                var response: Body? = null
                val failure = guard.isolate(NAME) { response = Body.json(publish(request).toString()) }
                IdempotentReplies.Outcome(response, failure)
            }
        return (body as? Body.Json ?: error("unreachable: every response is JSON")).text
    }

    /** Like [publish], but logs an unexpected failure and throws an error with the log id. */
    private suspend fun publishOrThrow(request: PublishRequest): JsonElement =
        guard.isolateValue(NAME) { publish(request) }

    private suspend fun publish(request: PublishRequest): JsonElement {
        // All steps that can fail run before the first publish, so that the backend can resend the whole request.
        val publications = request.items.map { item -> item.topic?.let { publisher.prepare(it, item.body) } }
        val responses = request.items.zip(publications) { item, publication -> publish(item, publication) }
        return if (request.isList) JsonArray(responses) else responses.single()
    }

    private suspend fun publish(item: PublishItem, publication: Publication?): JsonObject {
        if (publication != null) return publisher.publish(publication).toJson(publication.topic)
        val user = item.user ?: error("unreachable: an item has a topic or a user")
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
        val RETRY_AFTER = 5.seconds
    }
}
