package dev.live.samples.shared

import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationCall
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import kotlinx.coroutines.runBlocking
import org.slf4j.LoggerFactory

/** Serves [module] on the port in `PORT`, 8080 by default and a free one for 0, until the process is ended. */
fun serve(name: String, module: Application.() -> Unit) {
    val text = System.getenv("PORT") ?: "8080"
    val port = requireNotNull(text.toIntOrNull()?.takeIf { it in 0..65535 }) { "PORT must be 0 to 65535, was '$text'" }
    val server = embeddedServer(Netty, port = port, module = module)
    server.start(wait = false)
    val bound = runBlocking { server.engine.resolvedConnectors().first().port }
    LoggerFactory.getLogger("samples").info("The {} is open: http://localhost:{}", name, bound)
    Thread.currentThread().join()
}

/** The name that the page asked for and put into the query, or null if it is none. Nobody proves who they are here. */
fun ApplicationCall.guestName(): String? {
    val name = request.queryParameters["name"].orEmpty().trim()
    return name.takeIf { it.length in 1..MAX_NAME && it.none(Char::isISOControl) }
}

private const val MAX_NAME = 40
