package dev.live.server

import dev.live.server.http.respondError
import dev.live.server.operate.Admin
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import io.ktor.server.routing.Route
import io.ktor.server.routing.application
import io.ktor.server.routing.get
import io.ktor.server.routing.post
import io.ktor.server.routing.route

/**
 * Serves an admin page at [path] and its JSON API below it. The page shows current activity, slow clients, dropped
 * messages and close reasons. Operators can kick a client and publish to a declared topic. Payloads are never shown.
 *
 * Place it inside an `authenticate("...") { }` block of Ktor's Authentication plugin. Requests without a principal are
 * rejected, even if authentication is optional. **Every principal has full access to the admin page, so the
 * authentication provider must accept operators only.** See docs/admin.md.
 *
 * @param unprotected true if access is restricted in another way, such as by another plugin or a private port; every
 *   request is then accepted
 * @throws IllegalStateException if this is outside `authenticate` and [unprotected] is false, or [Live] is not
 *   installed
 */
public fun Route.liveAdmin(path: String, unprotected: Boolean = false) {
    check(unprotected || KtorAuth.surrounds(this)) {
        "liveAdmin(\"$path\") is outside authenticate(\"...\") { }, so any client could kick and publish. Move it " +
            "inside, or use liveAdmin(\"$path\", unprotected = true) if access is restricted in another way."
    }
    val server = application.live
    val admin = Admin(server.context, server.declared, { server.nodes }) { server.stats }

    suspend fun ApplicationCall.guarded(handle: suspend (ApplicationCall) -> Unit) {
        if (unprotected || KtorAuth.hasPrincipal(this)) return handle(this)
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
