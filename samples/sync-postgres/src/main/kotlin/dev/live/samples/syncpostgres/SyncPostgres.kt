package dev.live.samples.syncpostgres

import dev.live.samples.shared.guestName
import dev.live.server.Live
import dev.live.server.live
import dev.live.sync.server.LiveSyncNotifier
import dev.live.sync.server.syncScopes
import io.ktor.http.ContentType
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationCall
import io.ktor.server.application.install
import io.ktor.server.application.log
import io.ktor.server.response.respondText
import io.ktor.server.routing.get
import io.ktor.server.routing.routing
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.launch
import kotlinx.serialization.json.Json
import java.sql.SQLException

/**
 * Serves scopes from the PostgreSQL database at [url], with the tables of `schema.sql`. Notifies clients when a scope
 * has advanced, and returns its changes over HTTP.
 */
fun Application.syncPostgres(url: String) {
    install(Live)
    val changes = Changes(url)
    val notifier =
        LiveSyncNotifier(live, source = { scope ->
            try {
                changes.cursorOf(scope)
            } catch (e: SQLException) {
                log.warn("Could not read the cursor of {}: {}", scope, e.message)
                null // the subscribe succeeds without a cursor, and the client pulls
            }
        })
    routing {
        live<String>("/live") {
            serverSentEvents() // for curl; other clients use WebSockets
            authenticate { call -> call.guestName() }
            syncScopes(notifier) { _, scope -> isList(scope) }
        }
        get("/changes") { call.changes(changes) }
    }
    launch(CoroutineName("sync-postgres")) { PostgresNotifySource(url, notifier).run() }
}

/** The authorization for subscribes and HTTP reads. This sample allows all lists for all users. */
private fun isList(scope: String): Boolean = scope.startsWith("list/")

private suspend fun ApplicationCall.changes(changes: Changes) {
    val scope = parameters["scope"].orEmpty()
    val since = (parameters["since"] ?: "0").toLongOrNull()?.takeIf { it >= 0 }
    when {
        guestName() == null -> respondText("name is missing", status = HttpStatusCode.Unauthorized)
        since == null -> respondText("since must be a cursor, 0 or more", status = HttpStatusCode.BadRequest)
        !isList(scope) || '\u0000' in scope -> respondText("no such scope", status = HttpStatusCode.Forbidden)
        else -> respondText(Json.encodeToString(changes.after(scope, since)), ContentType.Application.Json)
    }
}
