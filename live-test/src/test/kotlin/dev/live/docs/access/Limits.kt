package dev.live.docs.access

import dev.live.server.Live
import dev.live.server.live
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.engine.EmbeddedServer
import io.ktor.server.engine.connector
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import io.ktor.server.plugins.forwardedheaders.XForwardedHeaders
import io.ktor.server.plugins.origin
import io.ktor.server.plugins.ratelimit.RateLimit
import io.ktor.server.plugins.ratelimit.RateLimitName
import io.ktor.server.plugins.ratelimit.rateLimit
import io.ktor.server.routing.routing
import io.netty.handler.timeout.ReadTimeoutHandler
import kotlin.time.Duration.Companion.minutes

// The code of docs/limits.md.

internal fun Application.limited() {
    install(Live) {
        limits {
            messagesPerSecond = 20
            burst = 100
            bytesPerSecond = 64 * 1024
            messagesPerSecondPerUser = 40
            maxConnectionsPerAddress = 50
            maxSessionsPerUser = 10
        }
        session { maxTopics = 30 }
    }
    routing {
        live<User>("/live") {
            authenticate { call -> users.byCookie(call.request.cookies["sid"]) }
            user { it.name } // the user key for maxSessionsPerUser and messagesPerSecondPerUser
        }
    }
}

internal fun Application.behindOneProxy() {
    install(XForwardedHeaders) { useLastProxy() } // one proxy, which appends to X-Forwarded-For
}

internal fun Application.attemptsLimited() {
    install(Live)
    install(RateLimit) {
        register(RateLimitName("live")) {
            rateLimiter(limit = 30, refillPeriod = 1.minutes)
            requestKey { call -> call.request.origin.remoteAddress } // otherwise all clients share the 30 attempts
        }
    }
    routing {
        rateLimit(RateLimitName("live")) {
            live<Unit>("/live") { topic<String>("news/{topic}") }
        }
    }
}

internal fun nettyServer(): EmbeddedServer<*, *> =
    embeddedServer(Netty, configure = {
        connector { port = 8080 }
        channelPipelineConfig = { addFirst(ReadTimeoutHandler(75)) } // seconds, above the heartbeat timeout
    }, module = Application::limited)
