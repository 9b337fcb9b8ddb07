package dev.live.samples.tutorial.tokens

import dev.live.client.LiveClient
import dev.live.samples.tutorial.first.typedLines
import dev.live.samples.tutorial.history.chat
import dev.live.samples.tutorial.presence.showMembers
import io.ktor.client.HttpClient
import io.ktor.client.request.forms.submitForm
import io.ktor.client.statement.bodyAsText
import io.ktor.http.isSuccess
import io.ktor.http.parameters
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking

fun main(args: Array<String>): Unit = runBlocking {
    val (name, password, room) = args
    val http = HttpClient()
    val live = liveClient("http://localhost:8080", http, name, password)
    val status = launch { live.state.collect { println("* $it") } }
    val members = launch { showMembers(live, room) { println(it) } }
    chat(live, room, typedLines()) { println(it) }
    live.close()
    members.cancel()
    status.cancel()
    http.close()
}

/** A client that logs in for each connection, and again before its token expires. */
fun liveClient(server: String, http: HttpClient, name: String, password: String): LiveClient =
    LiveClient(server.replaceFirst("http", "ws") + "/live") {
        bearer {
            val form = parameters {
                append("name", name)
                append("password", password)
            }
            val response = http.submitForm("$server/login", form)
            check(response.status.isSuccess()) { "the login failed: ${response.status}" }
            response.bodyAsText()
        }
    }
