package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.DelicateLiveApi
import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.server.dialect.ServerEvent
import kotlinx.serialization.json.JsonPrimitive

/**
 * The event that acknowledges a subscribe: [ack] with the topic's position added to its data.
 *
 * @param ack has no payload, or [dev.live.protocol.WelcomeData]
 * @param position the topic's newest position; null without a history
 * @param recoveredSince the requested position if all messages after it follow, else null
 */
internal fun subscribed(ack: Message, position: Position?, recoveredSince: Position?): ServerEvent.Subscribed {
    if (position == null) return ServerEvent.Subscribed(ack, position = null)
    val data = subscribedData(position, isRecovered = recoveredSince != null, ack.body as? Body.Json)
    return ServerEvent.Subscribed(Message(ack.type, ack.topic, ack.ref, data), recoveredSince ?: position)
}

/**
 * [dev.live.protocol.SubscribedData] with the welcome value in [welcome]. Joins encoded JSON, because a topic's
 * coroutine should not decode and encode a welcome value, which the application may have made long.
 */
@OptIn(DelicateLiveApi::class) // every part is valid JSON
private fun subscribedData(position: Position, isRecovered: Boolean, welcome: Body.Json?): Body.Json {
    val fields = "\"epoch\":${JsonPrimitive(position.epoch)},\"offset\":${position.offset},\"recovered\":$isRecovered"
    val others = welcome?.text?.removeSurrounding("{", "}").orEmpty()
    return Body.uncheckedJson(if (others.isEmpty()) "{$fields}" else "{$fields,$others}")
}
