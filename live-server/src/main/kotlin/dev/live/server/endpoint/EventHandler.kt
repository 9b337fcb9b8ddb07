package dev.live.server.endpoint

import dev.live.protocol.Message
import dev.live.protocol.MessageType

/**
 * A declared `on`: handles the messages of one type that a subscribed client sends to its topic.
 *
 * @param response type of the result; null if the client receives an `ack` instead of the result
 */
internal class EventHandler<Meta : Any, Req, Res>(
    private val request: PayloadType<Req>,
    private val response: PayloadType<Res>?,
    private val handler: suspend SubscriptionScope<Meta>.(Req) -> Res,
) {
    /** Returns the response to [message]; null if the client expects none. */
    suspend fun handle(scope: SubscriptionScope<Meta>, message: Message): Message? {
        val result = scope.handler(request.read(message))
        if (message.ref.isEmpty()) return null
        if (response == null) return Message(MessageType.ACK, message.topic, message.ref)
        return Message(MessageType.REPLY, message.topic, message.ref, response.write(result))
    }
}
