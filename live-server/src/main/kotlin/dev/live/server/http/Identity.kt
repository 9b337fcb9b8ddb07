package dev.live.server.http

import dev.live.server.endpoint.EndpointSpec
import dev.live.server.endpoint.TokenParameter
import io.ktor.http.HttpStatusCode
import io.ktor.server.application.ApplicationCall

/** The client behind a request. */
internal sealed interface Identity<out Meta> {
    class Authenticated<Meta>(val meta: Meta) : Identity<Meta>

    /** The client authenticates later, in an `auth` message. */
    object Pending : Identity<Nothing>
}

/** The HTTP response to a rejected request: [status] and [reason], one sentence for the client's developer. */
internal class HttpRejection(val status: HttpStatusCode, val reason: String) : Handshake, Identity<Nothing>

/** Checks the origin of [call], then runs the `authenticate` function of [endpoint]. */
internal suspend fun <Meta : Any> EndpointContext.identify(
    call: ApplicationCall,
    endpoint: EndpointSpec<Meta>,
): Identity<Meta> {
    if (!limits.origins.allows(call)) {
        return HttpRejection(HttpStatusCode.Forbidden, rejectedOrigins.reject(call, RejectedOrigins::allowOrForward))
    }
    endpoint.tokenParameter?.let { call.attributes.put(TokenParameter, it) }
    val meta = endpoint.authenticate?.invoke(call)
    return when {
        meta != null -> Identity.Authenticated(meta)
        endpoint.authenticateByMessage != null -> Identity.Pending
        else -> HttpRejection(HttpStatusCode.Unauthorized, "Not authenticated.")
    }
}
