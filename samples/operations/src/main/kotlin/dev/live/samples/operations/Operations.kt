package dev.live.samples.operations

import dev.live.server.Live
import dev.live.server.live
import dev.live.server.liveAdmin
import dev.live.server.liveHealth
import dev.live.server.livePublish
import dev.live.server.topic.publish
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.auth.Authentication
import io.ktor.server.auth.UserIdPrincipal
import io.ktor.server.auth.authenticate
import io.ktor.server.auth.basic
import io.ktor.server.http.content.staticResources
import io.ktor.server.routing.routing
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.serialization.Serializable
import java.security.MessageDigest
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes

/** The price of one symbol. */
@Serializable
data class Price(val symbol: String, val cents: Int)

/** A log line for all subscribers. */
@Serializable
data class Line(val text: String)

/** A server with continuous traffic: changing prices and a log. */
fun Application.operations(password: String, publishKey: String) {
    install(Live) { session { writeTimeout = 1.minutes } }
    install(Authentication) {
        basic("admin") {
            validate { given -> UserIdPrincipal(given.name).takeIf { same(given.password, password) } }
        }
    }
    routing {
        live<String>("/live") {
            serverSentEvents()
            authenticate { call -> call.request.queryParameters["name"]?.take(MAX_NAME) }
            user { it }
            topic<Price>("prices/{market}") { conflate { it.symbol } }
            topic<Line>("log/{name}") { history(100) }
        }
        authenticate("admin") { liveAdmin("/live-admin") }
        liveHealth("/health")
        livePublish("/publish") { key(publishKey) }
        staticResources("/", "web")
    }
    launch { trade() }
}

private suspend fun Application.trade() {
    val symbols = List(20) { "S$it" }
    while (true) {
        for (symbol in symbols) live.topic("prices/all").publish(Price(symbol, Random.nextInt(1_000, 9_000)))
        live.topic("log/market").publish(Line("${symbols.size} prices changed"))
        repeat(TRACES) { live.topic("log/trace").publish(Line("-".repeat(TRACE_LENGTH))) }
        delay(200.milliseconds)
    }
}

private fun same(one: String, other: String) = MessageDigest.isEqual(one.encodeToByteArray(), other.encodeToByteArray())

private const val MAX_NAME = 80

/** More than a slow client can receive, so that the admin page shows it. */
private const val TRACES = 4
private const val TRACE_LENGTH = 4_000
