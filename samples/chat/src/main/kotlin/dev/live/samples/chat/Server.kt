package dev.live.samples.chat

import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import org.slf4j.LoggerFactory

/** Serves the chat on the port in `PORT`, 8080 by default. */
fun main() {
    val text = System.getenv("PORT") ?: "8080"
    val port = requireNotNull(text.toIntOrNull()?.takeIf { it in 1..65535 }) { "PORT must be 1 to 65535, was '$text'" }
    val server = embeddedServer(Netty, port = port) { chat() }
    server.start(wait = false)
    LoggerFactory.getLogger("chat").info("The chat is open: http://localhost:{}", port)
    Thread.currentThread().join()
}
