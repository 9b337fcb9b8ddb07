package dev.live.server.http

import dev.live.server.transport.Disconnect
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import org.slf4j.Logger
import org.slf4j.LoggerFactory

/**
 * Runs [respond] if the client is still connected. Ignores its failure if [isDone]: the client has disconnected, or has
 * received the whole response.
 *
 * Engines throw if the client has disconnected, and not only an `IOException`: Netty's engine throws a
 * `NullPointerException` on an upgrade, which Ktor would log as an error.
 */
internal suspend fun ApplicationCall.respondIfConnected(
    disconnect: Disconnect,
    isDone: () -> Boolean = { disconnect.isDetected },
    respond: suspend () -> Unit,
) {
    if (disconnect.isDetected) {
        response.status(CLIENT_CLOSED_REQUEST) // for logs and metrics only: the client is disconnected
        return
    }
    try {
        respond()
    } catch (e: Exception) {
        currentCoroutineContext().ensureActive()
        if (!isDone()) throw e
        log.debug("The client disconnected before the response was complete: {}.", e.toString())
    }
}

private val log: Logger = LoggerFactory.getLogger("dev.live.server.endpoint")

/** The status that nginx logs if the client closes the connection before the response. */
private val CLIENT_CLOSED_REQUEST = HttpStatusCode(499, "Client Closed Request")
