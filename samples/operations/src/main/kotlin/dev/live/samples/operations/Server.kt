package dev.live.samples.operations

import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty

/** Serves it on the port in `PORT`, 8080 by default; says what to sign in with if nothing was chosen. */
fun main() {
    val port = System.getenv("PORT")?.toInt() ?: 8080
    val password = System.getenv("ADMIN_PASSWORD") ?: "change-me"
    val key = System.getenv("PUBLISH_KEY") ?: "only-for-trying-it-out-on-this-machine"
    println(
        "http://localhost:$port/ shows prices, http://localhost:$port/live-admin what the server does (admin, $password)",
    )
    embeddedServer(Netty, port = port, host = "127.0.0.1") { operations(password, key) }.start(wait = true)
}
