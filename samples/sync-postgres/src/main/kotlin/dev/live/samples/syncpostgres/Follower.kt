package dev.live.samples.syncpostgres

import dev.live.client.LiveClient
import dev.live.sync.client.MemoryCursor
import dev.live.sync.client.SyncLoop
import io.ktor.client.HttpClient
import io.ktor.client.plugins.HttpTimeout
import io.ktor.client.plugins.expectSuccess
import io.ktor.client.request.get
import io.ktor.client.request.parameter
import io.ktor.client.statement.bodyAsText
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json

/** Prints the changes of a scope, `list/42` by default, and the state of the sync loop. */
fun main(args: Array<String>) {
    runBlocking {
        follow("localhost:${System.getenv("PORT") ?: "8080"}", args.firstOrNull() ?: "list/42") { println(it) }
    }
}

/** Follows [scope] on the server at [host] until cancelled, and prints changes and states. */
suspend fun follow(host: String, scope: String, output: (String) -> Unit) {
    HttpClient { install(HttpTimeout) { requestTimeoutMillis = 30_000 } }.use { http ->
        val live = LiveClient("ws://$host/live?name=follower")
        try {
            val loop =
                SyncLoop(live, scope, MemoryCursor()) { since ->
                    val page = http.changes(host, scope, since)
                    for (change in page.changes) output("${change.sequence}: ${change.body}")
                    page.cursor.toULong()
                }
            coroutineScope {
                launch { loop.state.map { "$it" }.distinctUntilChanged().collect { output(it) } }
                loop.run()
            }
        } finally {
            live.close()
        }
    }
}

private suspend fun HttpClient.changes(host: String, scope: String, since: ULong): ChangePage {
    val response =
        get("http://$host/changes?name=follower") {
            expectSuccess = true
            parameter("scope", scope)
            parameter("since", since)
        }
    return Json.decodeFromString(response.bodyAsText())
}
