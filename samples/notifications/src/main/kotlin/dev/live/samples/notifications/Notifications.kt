package dev.live.samples.notifications

import dev.live.protocol.Body
import dev.live.protocol.ErrorCode
import dev.live.protocol.Message
import dev.live.protocol.of
import dev.live.server.Live
import dev.live.server.endpoint.TopicScope
import dev.live.server.endpoint.bearerToken
import dev.live.server.live
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationCall
import io.ktor.server.application.install
import io.ktor.server.http.content.staticResources
import io.ktor.server.request.contentLength
import io.ktor.server.request.receiveText
import io.ktor.server.response.respondText
import io.ktor.server.routing.application
import io.ktor.server.routing.post
import io.ktor.server.routing.routing
import kotlin.time.Duration.Companion.minutes

/** The user of a session. */
class Account(val user: String)

/** A real application issues tokens on sign-in. This sample uses two fixed, public ones. */
private val tokens = mapOf("token-of-ann" to Account("ann"), "token-of-bob" to Account("bob"))

/** Delivers notices to all devices of a user, and synchronizes the read state between them. */
fun Application.notifications() {
    install(Live)
    val inboxes = Inboxes(live, tokens.values.map { it.user })
    routing {
        live<Account>("/live") {
            authenticate { call -> call.bearerToken()?.let(tokens::get) }
            user { it.user }
            topic<Change>("notices/{user}") {
                authorize { isOwn }
                history(size = 100, age = 10.minutes)
                onPublish { reject("clients cannot publish to this topic", ErrorCode.Forbidden) }
            }
            topic<Unread>("unread/{user}") {
                authorize { isOwn }
                conflate()
                onPublish { reject("clients cannot publish to this topic", ErrorCode.Forbidden) }
                onSubscribe { inboxes.publishUnread(meta.user) }
            }
            request<String, InboxPage>("inbox") { inboxes.page(meta.user) }
            request<List<Long>, Boolean>("read") { ids ->
                inboxes.markRead(meta.user, ids)
                true
            }
            request<String, Int>("ring") { device ->
                application.live.sendToUser(meta.user, Message("ring", body = Body.of(Ring(device))))
            }
            request<String, Int>("sign-out-everywhere") {
                application.live.kickUser(meta.user, "signed out everywhere")
            }
        }
        post("/notices/{user}") { call.respondText("", status = call.accept(inboxes)) }
        staticResources("/", "web")
    }
}

private val TopicScope<Account>.isOwn: Boolean get() = parameters["user"] == meta.user

/** Endpoint for other backend systems. A real application checks an API key first. */
private suspend fun ApplicationCall.accept(inboxes: Inboxes): HttpStatusCode {
    val user = parameters["user"].orEmpty()
    if (user !in inboxes) return HttpStatusCode.NotFound
    val length = request.contentLength() ?: return HttpStatusCode.LengthRequired
    if (length > MAX_BYTES) return HttpStatusCode.PayloadTooLarge
    val text = receiveText().trim()
    if (text.isEmpty()) return HttpStatusCode.BadRequest
    inboxes.notify(user, text)
    return HttpStatusCode.Accepted
}

private const val MAX_BYTES = 1_000
