package dev.live.server.topic

import dev.live.protocol.Body
import dev.live.protocol.DelicateLiveApi
import dev.live.protocol.Message
import dev.live.protocol.Position
import dev.live.server.dialect.ServerEvent
import kotlinx.serialization.json.JsonPrimitive

/**
 * The event that acknowledges a subscribe: [ack] with the topic's position added to its data, as
 * [dev.live.protocol.SubscribedData]. Joins encoded JSON, because a topic's actor should not decode and encode a
 * welcome value, which the application may have made long.
 *
 * @param ack has no payload, or [dev.live.protocol.WelcomeData]
 * @param position the topic's newest position; null without a history
 * @param recoveredSince the requested position if all messages after it follow, else null
 */
@OptIn(DelicateLiveApi::class) // every part is valid JSON
internal fun subscribed(ack: Message, position: Position?, recoveredSince: Position?): ServerEvent.Subscribed {
    if (position == null) return ServerEvent.Subscribed(ack, position = null)
    val isRecovered = recoveredSince != null
    val fields = "\"epoch\":${JsonPrimitive(position.epoch)},\"offset\":${position.offset},\"recovered\":$isRecovered"
    val welcome = (ack.body as? Body.Json)?.text?.removeSurrounding("{", "}").orEmpty()
    val data = Body.uncheckedJson(if (welcome.isEmpty()) "{$fields}" else "{$fields,$welcome}")
    return ServerEvent.Subscribed(Message(ack.type, ack.topic, ack.ref, data), recoveredSince ?: position)
}
