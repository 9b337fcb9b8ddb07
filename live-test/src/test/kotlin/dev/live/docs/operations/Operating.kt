package dev.live.docs.operations

import dev.live.server.live
import dev.live.server.liveAdmin
import dev.live.server.livePublish
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.auth.Authentication
import io.ktor.server.auth.authenticate
import io.ktor.server.auth.basic
import io.ktor.server.plugins.ratelimit.RateLimit
import io.ktor.server.plugins.ratelimit.RateLimitName
import io.ktor.server.plugins.ratelimit.rateLimit
import io.ktor.server.routing.Route
import io.ktor.server.routing.routing
import kotlinx.serialization.Serializable
import kotlin.time.Duration.Companion.seconds

// The code of docs/admin.md, docs/publishing-over-http.md and docs/server-sent-events.md, with the types it assumes.

internal class User(val name: String)

internal interface Users {
    fun byCookie(cookie: String): User?
}

internal interface Operators {
    fun byPassword(name: String, password: String): User?
}

@Serializable
internal data class Notice(val text: String)

internal fun Route.streamed(users: Users) {
    live<User>("/live") {
        serverSentEvents()
        authenticate { call -> call.request.cookies["sid"]?.let(users::byCookie) }
        topic<Notice>("news/{topic}") { history(size = 100) }
    }
}

internal fun Application.published() {
    routing {
        livePublish("/publish") {
            key(System.getenv("LIVE_PUBLISH_KEY"))
            System.getenv("LIVE_PUBLISH_KEY_BEFORE")?.let { key(it) } // the previous key, during a key rotation
        }
    }
}

internal fun Application.publishedSlowly() {
    install(RateLimit) {
        register(RateLimitName("publish")) { rateLimiter(limit = 100, refillPeriod = 1.seconds) }
    }
    routing {
        rateLimit(RateLimitName("publish")) {
            livePublish("/publish") { key(System.getenv("LIVE_PUBLISH_KEY")) }
        }
    }
}

internal fun Application.watched(operators: Operators) {
    install(Authentication) {
        basic("admin") {
            validate { given -> operators.byPassword(given.name, given.password) }
        }
    }
    routing {
        authenticate("admin") { liveAdmin("/live-admin") }
    }
}
