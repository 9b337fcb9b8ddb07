package dev.live.redis.docs

import dev.live.redis.RedisBroker
import dev.live.server.Live
import io.ktor.server.application.Application
import io.ktor.server.application.install
import kotlin.io.path.Path

/** The code of docs/cluster.md. */
fun Application.cluster() {
    install(Live) {
        broker(RedisBroker("redis://:secret@redis.internal:6379") { namespace = "chat" })
    }
}

fun clusterTls(): RedisBroker =
    RedisBroker("rediss://redis.internal:6380") {
        namespace = "chat"
        tls {
            caFile = Path("/etc/redis/ca.pem")
            certificateFile = Path("/etc/redis/client.pem")
            keyFile = Path("/etc/redis/client.key")
        }
    }
