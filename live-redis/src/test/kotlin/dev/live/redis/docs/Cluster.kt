package dev.live.redis.docs

import dev.live.redis.RedisBroker
import dev.live.server.Live
import dev.live.server.broker.WhileBrokerAway
import dev.live.server.live
import io.ktor.server.application.Application
import io.ktor.server.application.install
import io.ktor.server.routing.routing
import kotlinx.serialization.Serializable
import kotlin.io.path.Path

@Serializable
data class Order(val id: String)

@Serializable
data class Cursor(val line: Int)

/** The code of docs/cluster.md. */
fun Application.cluster() {
    install(Live) {
        broker(RedisBroker("redis://:secret@redis.internal:6379") { namespace = "chat" })
    }
    routing {
        live<Unit>("/live") {
            topic<Order>("orders/{shop}") {
                history(size = 1_000)
                whileBrokerAway = WhileBrokerAway.Wait
            }
            topic<Cursor>("cursors/{document}") { whileBrokerAway = WhileBrokerAway.DeliverLocally }
        }
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
