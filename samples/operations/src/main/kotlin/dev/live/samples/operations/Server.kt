package dev.live.samples.operations

import dev.live.netty.liveEventLoops
import io.ktor.server.engine.connector
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty

/** Serves the sample on the port in `PORT`, 8080 by default. Prints the default password if none is set. */
fun main() {
    val port = System.getenv("PORT")?.toInt() ?: 8080
    val password = System.getenv("ADMIN_PASSWORD") ?: "change-me"
    val key = System.getenv("PUBLISH_KEY") ?: "only-for-trying-it-out-on-this-machine"
    println(
        "Prices: http://localhost:$port/ Admin page: http://localhost:$port/live-admin (admin, $password)",
    )
    val server = embeddedServer(
        Netty,
        configure = {
            connector {
                host = "127.0.0.1"
                this.port = port
            }
            liveEventLoops()
        },
    ) { operations(password, key) }
    server.start(wait = true)
}
