package dev.live.server.sse

import dev.live.protocol.Body
import dev.live.protocol.DecodeLimits
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribeData
import dev.live.protocol.of
import dev.live.server.dialect.EventStreamDialect
import io.ktor.http.Parameters
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement

/**
 * A request for server-sent events, converted to the `subscribe` message of a WebSocket client.
 */
internal class StreamRequest private constructor(val subscribe: Message) {
    val topic: String get() = subscribe.topic

    companion object {
        /**
         * Reads [query] and [lastEventId], which a browser sends automatically when it reconnects.
         *
         * @throws IllegalArgumentException if one of them is invalid; the message is for the client's developer
         */
        fun of(query: Parameters, lastEventId: String?, limits: DecodeLimits): StreamRequest {
            val topics = query.getAll("topic").orEmpty()
            require(topics.size == 1) {
                "topic must occur once, as in ?topic=room/lobby, occurred ${topics.size} times"
            }
            require(topics[0].isNotEmpty()) { "topic must not be empty" }
            val since = newest(lastEventId, query.getAll("lastEventId").orEmpty())
            val params = query["params"]?.let { paramsIn(it, limits) }
            val data = if (since == null && params == null) null else Body.of(SubscribeData(since, params))
            return StreamRequest(Message(MessageType.SUBSCRIBE, topics[0], EventStreamDialect.SUBSCRIBE_REF, data))
        }

        /**
         * The newest event id of a request. The header contains the last event before the stream broke, the query the
         * position at which the page started. Empty ids are ignored. If the epochs differ, the header's epoch is used,
         * because the browser received it last.
         */
        private fun newest(header: String?, inQuery: List<String>): Position? {
            val fromHeader = header?.ifEmpty { null }?.let(::positionIn)
            val fromQuery = inQuery.filter { it.isNotEmpty() }.map(::positionIn)
            val epoch = (fromHeader ?: fromQuery.firstOrNull() ?: return null).epoch
            require(fromHeader != null || fromQuery.all { it.epoch == epoch }) {
                "lastEventId occurred ${fromQuery.size} times with different epochs; send the newest one only"
            }
            return (listOfNotNull(fromHeader) + fromQuery).filter { it.epoch == epoch }.maxBy { it.offset }
        }

        private fun positionIn(id: String): Position {
            val split = id.lastIndexOf(':')
            val offset = if (split < 0) null else id.substring(split + 1).toLongOrNull()
            requireNotNull(offset) { "the last event id must be an id from this server, in the form epoch:offset" }
            return Position(id.substring(0, split), offset)
        }

        private fun paramsIn(text: String, limits: DecodeLimits): JsonElement =
            try {
                Json.parseToJsonElement(Body.json(text, limits).text)
            } catch (e: MalformedMessageException) {
                throw IllegalArgumentException("params must be JSON: ${e.reason}", e)
            }
    }
}
