package dev.live.samples.shared

import dev.live.netty.liveEventLoops
import io.ktor.server.application.Application
import io.ktor.server.application.ApplicationCall
import io.ktor.server.engine.connector
import io.ktor.server.engine.embeddedServer
import io.ktor.server.netty.Netty
import kotlinx.coroutines.runBlocking
import org.slf4j.LoggerFactory

/**
 * Serves [module] until the process ends, on the port in `PORT`. Default 8080; 0 picks a free port. `HOST` limits it to
 * one address of this machine.
 */
fun serve(name: String, module: Application.() -> Unit) {
    val host = System.getenv("HOST") ?: "0.0.0.0"
    val port = portOf("PORT", 8080)
    val server = embeddedServer(
        Netty,
        configure = {
            connector {
                this.host = host
                this.port = port
            }
            liveEventLoops()
        },
        module = module,
    )
    server.start(wait = false)
    val bound = runBlocking { server.engine.resolvedConnectors().first().port }
    LoggerFactory.getLogger("samples").info("The {} sample is running at http://localhost:{}", name, bound)
    Thread.currentThread().join()
}

/**
 * The port in the environment variable [variable], or [default] without one.
 *
 * @throws IllegalArgumentException if it is no port
 */
fun portOf(variable: String, default: Int): Int {
    val text = System.getenv(variable) ?: return default
    return requireNotNull(text.toIntOrNull()?.takeIf { it in 0..65535 }) {
        "$variable must be 0 to 65535, was '$text'"
    }
}

/** The name in the query, or null if it is missing or invalid. The samples do not authenticate users. */
fun ApplicationCall.guestName(): String? {
    val name = request.queryParameters["name"].orEmpty().trim()
    return name.takeIf { it.length in 1..MAX_NAME && it.none(Char::isISOControl) }
}

private const val MAX_NAME = 40
