package dev.live.samples.operations

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
    embeddedServer(Netty, port = port, host = "127.0.0.1") { operations(password, key) }.start(wait = true)
}
