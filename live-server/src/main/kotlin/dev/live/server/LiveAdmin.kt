package dev.live.server

import dev.live.server.endpoint.respondError
import dev.live.server.operate.Admin
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import io.ktor.server.routing.Route
import io.ktor.server.routing.application
import io.ktor.server.routing.get
import io.ktor.server.routing.post
import io.ktor.server.routing.route

/**
 * A page at [path] for operators, and its JSON API below: what the server does now, which clients are slow, what is lost
 * and why sessions end; it can kick a client and publish to a declared topic. Payloads are never shown.
 *
 * It belongs within the application's own `authenticate("...") { }` of Ktor's plugin, and then answers only requests that
 * have a principal: one that is optional lets nobody in here. **Who may be an operator is for that to say: whoever it
 * knows may do everything here.** See docs/admin.md.
 *
 * @param unprotected true if something else keeps strangers out, such as a plugin of the application's own or a port
 *   that only operators reach: then every request is answered
 * @throws IllegalStateException if this is not within `authenticate` and not said to be [unprotected], or [Live] is not
 *   installed
 */
public fun Route.liveAdmin(path: String, unprotected: Boolean = false) {
    check(unprotected || KtorAuth.surrounds(this)) {
        "liveAdmin(\"$path\") is not within authenticate(\"...\") { }, so everybody could kick and publish. Put it " +
            "there, or say liveAdmin(\"$path\", unprotected = true) if something else keeps strangers out."
    }
    val server = application.live
    val admin = Admin(server.context, server.declared) { server.stats }

    suspend fun ApplicationCall.guarded(answer: suspend (ApplicationCall) -> Unit) {
        if (unprotected || KtorAuth.knows(this)) return answer(this)
        respondError(HttpStatusCode.Unauthorized, "unauthorized", "Not authenticated.")
    }
    route(path) {
        get { call.guarded(admin::page) }
        get("/") { call.guarded(admin::page) }
        get("/api/overview") { call.guarded(admin::overview) }
        get("/api/sessions") { call.guarded(admin::sessions) }
        get("/api/topics") { call.guarded(admin::topics) }
        post("/api/kick") { call.guarded(admin::kick) }
        post("/api/publish") { call.guarded(admin::publish) }
    }
}
