package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.Message
import kotlin.time.Duration

/**
 * A declared `request`.
 *
 * @param idempotent how long replies to requests with a key are stored; null stores none
 */
internal class RequestHandler<Meta : Any, Req, Res>(
    private val request: PayloadType<Req>,
    private val response: PayloadType<Res>,
    idempotent: Duration?,
    private val handler: suspend SessionScope<Meta>.(Req) -> Res,
) {
    /** Stored replies to requests with a key; null if the request is not idempotent. */
    val replies: IdempotentReplies? = idempotent?.let { IdempotentReplies(it) }

    suspend fun reply(scope: SessionScope<Meta>, message: Message): Body? =
        response.write(scope.handler(request.read(message)))
}
