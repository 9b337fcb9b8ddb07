package dev.live.sync.support

import dev.live.server.Live
import dev.live.server.endpoint.bearerToken
import dev.live.server.live
import dev.live.sync.server.LiveSyncNotifier
import dev.live.sync.server.syncScopes
import io.ktor.server.application.install
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.routing.routing
import kotlinx.coroutines.runBlocking
import java.util.concurrent.ConcurrentHashMap
import kotlin.time.Duration

/** A server on a real socket. Its cursors survive a restart on the same port. */
class SyncServer : AutoCloseable {
    /** The cursor of each scope. */
    val cursors: MutableMap<String, ULong> = ConcurrentHashMap()
    private var server: EmbeddedServer<*, *>? = null

    lateinit var notifier: LiveSyncNotifier
        private set

    var port: Int = 0
        private set

    val url: String get() = "ws://127.0.0.1:$port/live"

    init {
        start()
    }

    fun start() {
        val started =
            embeddedServer(Netty, port, host = "127.0.0.1") {
                install(Live) { drain { reconnectWindow = Duration.ZERO..Duration.ZERO } }
                notifier = LiveSyncNotifier(live, source = { cursors[it] })
                routing { live<Unit>("/live") { syncScopes(notifier) { _, scope -> scope != "secret" } } }
            }.start(wait = false)
        server = started
        port = runBlocking { started.engine.resolvedConnectors().single().port }
    }

    fun stop() {
        server?.stop(gracePeriodMillis = 0, timeoutMillis = 1_000)
        server = null
    }

    /** Advances [scope] to [cursor] and notifies. */
    fun commit(scope: String, cursor: Long) {
        cursors[scope] = cursor.toULong()
        notifier.notify(scope, cursor)
    }

    /** Advances [scope] to [cursor] without notifying, as if the server were down. */
    fun commitSilently(scope: String, cursor: Long) {
        cursors[scope] = cursor.toULong()
    }

    override fun close() = stop()
}
