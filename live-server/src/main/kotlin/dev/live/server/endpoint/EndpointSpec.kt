package dev.live.server.endpoint

import dev.live.protocol.Message
import dev.live.server.session.CloseReason
import io.ktor.server.application.ApplicationCall
import kotlin.time.Duration
import kotlin.time.Instant

/**
 * The validated, immutable declarations of one endpoint. Built by [LiveEndpoint], which documents them, when the route
 * is declared. A function is null if the endpoint does not declare it.
 */
internal class EndpointSpec<Meta : Any>(
    val tokenParameter: String?,
    val authenticate: (suspend (ApplicationCall) -> Meta?)?,
    val authenticateByMessage: (suspend (String) -> Meta?)?,
    val expires: ((Meta) -> Instant?)?,
    val user: ((Meta) -> String?)?,
    val intercept: (suspend SessionScope<Meta>.(Message, suspend (Message) -> Unit) -> Unit)?,
    val onOpen: (suspend SessionScope<Meta>.() -> Unit)?,
    val onMessage: (suspend SessionScope<Meta>.(Message) -> Unit)?,
    val onClose: (suspend SessionScope<Meta>.(CloseReason) -> Unit)?,
    val streams: StreamSettings?,
    val topics: List<TopicSpec<Meta, *>>,
    val requests: Map<String, RequestHandler<Meta, *, *>>,
)

/** Settings of `serverSentEvents`: [path] below the endpoint's path, and the minimum delay before a reconnect. */
internal class StreamSettings(val path: String, val retry: Duration)
