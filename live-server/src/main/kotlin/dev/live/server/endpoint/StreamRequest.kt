package dev.live.server.endpoint

import dev.live.protocol.Body
import dev.live.protocol.DecodeLimits
import dev.live.protocol.MalformedMessageException
import dev.live.protocol.Message
import dev.live.protocol.MessageType
import dev.live.protocol.Position
import dev.live.protocol.SubscribeData
import dev.live.protocol.of
import io.ktor.http.Parameters
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement

/**
 * What a client asks for that wants a stream of events: the `subscribe` that another would send.
 *
 * @property since where it goes on, if it says so
 */
internal class StreamRequest private constructor(val subscribe: Message, val since: Position?) {
    companion object {
        /** Of a kind that no application's client makes: an application may look at refs in an interceptor. */
        private const val REF = "~sse"

        /**
         * Reads [query], and [lastEventId], which a browser sends by itself when it comes back.
         *
         * @throws IllegalArgumentException if one of them is not what it should be; the message is for the client's developer
         */
        fun of(query: Parameters, lastEventId: String?, limits: DecodeLimits): StreamRequest {
            val topics = query.getAll("topic").orEmpty()
            require(topics.size == 1) {
                "topic must be given once, as in ?topic=room/lobby, was given ${topics.size} times"
            }
            require(topics[0].isNotEmpty()) { "topic must not be empty" }
            val since = newest(lastEventId, query.getAll("lastEventId").orEmpty())
            val params = query["params"]?.let { paramsIn(it, limits) }
            val data = if (since == null && params == null) null else Body.of(SubscribeData(since, params))
            return StreamRequest(Message(MessageType.SUBSCRIBE, topics[0], REF, data), since)
        }

        /**
         * The newest of the ids that a request carries: a browser's header says where the stream broke, the query where the
         * page began. An empty id is none. Of two epochs the header's counts, which the browser got last.
         */
        private fun newest(header: String?, inQuery: List<String>): Position? {
            val first = header?.ifEmpty { null }?.let(::positionIn)
            val others = inQuery.filter { it.isNotEmpty() }.map(::positionIn)
            val epoch = (first ?: others.firstOrNull() ?: return null).epoch
            require(first != null || others.all { it.epoch == epoch }) {
                "lastEventId was given ${others.size} times with different epochs; give the newest one"
            }
            return (listOfNotNull(first) + others).filter { it.epoch == epoch }.maxBy { it.offset }
        }

        private fun positionIn(id: String): Position {
            val split = id.lastIndexOf(':')
            val offset = if (split < 0) null else id.substring(split + 1).toLongOrNull()
            requireNotNull(offset) { "the last event's id must be one that this server gave, as epoch:offset" }
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
