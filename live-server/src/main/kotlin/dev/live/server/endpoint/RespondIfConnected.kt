package dev.live.server.endpoint

import dev.live.server.transport.Disconnect
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import org.slf4j.Logger
import org.slf4j.LoggerFactory

/**
 * Runs [respond] if the client is there, and takes its failure for no failure of the server where [isOver]: the client
 * has left, or has all that it was to get.
 *
 * Engines fail when they respond to nobody, and not only with an `IOException`: Netty's throws a `NullPointerException`
 * on an upgrade, which Ktor would log as an error.
 */
internal suspend fun ApplicationCall.respondIfConnected(
    disconnect: Disconnect,
    isOver: () -> Boolean = { disconnect.isSeen },
    respond: suspend () -> Unit,
) {
    if (disconnect.isSeen) {
        response.status(CLIENT_CLOSED_REQUEST) // for logs and metrics: nobody reads it
        return
    }
    try {
        respond()
    } catch (e: Exception) {
        currentCoroutineContext().ensureActive()
        if (!isOver()) throw e
        log.debug("The response was not written to its end: {}.", e.toString())
    }
}

private val log: Logger = LoggerFactory.getLogger("dev.live.server.endpoint")

/** What nginx calls a request whose client left before it was answered. */
private val CLIENT_CLOSED_REQUEST = HttpStatusCode(499, "Client Closed Request")
