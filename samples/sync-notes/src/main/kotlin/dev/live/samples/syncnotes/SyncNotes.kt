package dev.live.samples.syncnotes

import dev.live.samples.syncnotes.engine.ChangeLog
import dev.live.samples.syncnotes.engine.SyncEngine
import dev.live.samples.syncnotes.wire.Rules
import dev.live.server.Live
import dev.live.server.live
import dev.live.sync.server.LiveSyncNotifier
import dev.live.sync.server.syncScopes
import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationStopped
import io.ktor.server.application.install
import io.ktor.server.http.content.staticResources
import io.ktor.server.routing.routing
import java.nio.file.Path

/** The sync engine on the database in [file], its HTTP API, and live for notifications. */
fun Application.syncNotes(file: Path) {
    install(Live)
    val log = ChangeLog.open(file)
    monitor.subscribe(ApplicationStopped) { log.close() }

    lateinit var engine: SyncEngine
    val notifier = LiveSyncNotifier(live, source = { scope -> engine.cursor(scope).toULong() })
    engine = SyncEngine(log, notifier)

    routing {
        live<Unit>("/live") {
            authenticate { }
            syncScopes(notifier) { _, scope -> Rules.ofScope(scope) == null }
        }
        changesApi(engine)
        staticResources("/", "web")
    }
}
