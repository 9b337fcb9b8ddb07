package dev.live.docs

import dev.live.client.LiveClient
import dev.live.server.Live
import dev.live.server.endpoint.bearerToken
import dev.live.server.live
import dev.live.sync.SyncNotifier
import dev.live.sync.client.CursorStore
import dev.live.sync.client.SyncLoop
import dev.live.sync.client.SyncState
import dev.live.sync.client.syncSignals
import dev.live.sync.server.LiveSyncNotifier
import dev.live.sync.server.syncScopes
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch

/** The server code of docs/sync.md. */
internal class SyncPage(private val users: Users, private val lists: Engine) {
    fun Application.sync() {
        install(Live)
        val notifier = LiveSyncNotifier(live, source = { scope -> lists.cursorOf(scope) })
        lists.afterCommit = notifier // calls notify(scope, cursor), from any thread
        routing {
            live<User>("/live") {
                authenticate { call -> call.bearerToken()?.let(users::byToken) }
                syncScopes(notifier) { session, scope -> session.meta.mayRead(scope) }
            }
        }
    }

    interface User {
        fun mayRead(scope: String): Boolean
    }

    fun interface Users {
        fun byToken(token: String): User?
    }

    interface Engine {
        var afterCommit: SyncNotifier

        suspend fun cursorOf(scope: String): ULong?
    }
}

/** The client code of docs/sync.md. */
internal class SyncClientPage(private val live: LiveClient, private val api: Api, private val notes: Notes) {
    suspend fun loop(): Unit =
        coroutineScope {
            val loop = SyncLoop(live, "list/42", cursor = notes) { since ->
                val page = api.changes("list/42", since)
                notes.apply(page) // with its cursor, in one transaction
                page.cursor
            }
            launch { loop.run() }
            launch { loop.state.collect { show(it) } }
        }

    fun show(state: SyncState) {
        val text = when (state) {
            is SyncState.InSync -> "up to date"
            is SyncState.Behind, is SyncState.Pulling -> "loading"
            is SyncState.Failed -> "update failed, next try in ${state.delay}"
            is SyncState.Offline -> "offline"
        }
        println(text)
    }

    suspend fun signals() {
        live.syncSignals("list/42").collect { cursor -> println("the list is at $cursor") }
    }

    class Page(val cursor: ULong)

    fun interface Api {
        suspend fun changes(scope: String, since: ULong): Page
    }

    interface Notes : CursorStore {
        suspend fun apply(page: Page)
    }
}
