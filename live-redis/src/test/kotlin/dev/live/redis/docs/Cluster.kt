package dev.live.redis.docs

import dev.live.redis.RedisBroker
import dev.live.server.Live
import io.ktor.server.application.Application
import io.ktor.server.application.install

/** The code of docs/cluster.md. */
fun Application.cluster() {
    install(Live) {
        broker(RedisBroker("redis://:secret@redis.internal:6379") { namespace = "chat" })
    }
}
