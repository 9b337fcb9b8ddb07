package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.Message
import kotlin.time.Duration

/**
 * A declared `request`.
 *
 * @param idempotent for how long its replies are kept for requests that come with the same key; null: they are not
 */
internal class RequestHandler<Meta : Any, Req, Res>(
    private val request: PayloadType<Req>,
    private val response: PayloadType<Res>,
    idempotent: Duration?,
    private val handler: suspend SessionScope<Meta>.(Req) -> Res,
) {
    /** What requests with a key were answered; null if that is not kept. */
    val replies: IdempotentReplies? = idempotent?.let { IdempotentReplies(it) }

    suspend fun answer(scope: SessionScope<Meta>, message: Message): Body? =
        response.write(scope.handler(request.read(message)))
}
