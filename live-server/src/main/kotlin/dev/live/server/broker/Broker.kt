package dev.live.server.broker

import dev.live.protocol.Body
import dev.live.protocol.MessageType
import dev.live.protocol.Position

/**
 * Carries publications between nodes. Even on one node every publish goes through it, so one node and ten order
 * messages alike.
 */
internal fun interface Broker {
    /** Hands [publication] to every node; suspends while their topics catch up. */
    suspend fun publish(publication: Publication)
}

/**
 * A payload on its way to the subscribers of [topic].
 *
 * @property except id of a session that does not get it
 * @property key what it replaces others by, on topics where messages do
 * @property trace what it is a part of; empty for nothing that is known
 * @property type what the message is for; [MessageType.MESSAGE] or the application's own
 * @property wantsPlace whether whoever publishes wants to know [place], which takes a moment longer
 */
internal class Publication(
    val topic: String,
    val body: Body?,
    val except: String? = null,
    val key: String? = null,
    val trace: String = "",
    val wantsPlace: Boolean = false,
    val type: String = MessageType.MESSAGE,
) {
    /** Where it came to stand in the topic's history on this node, once it was published; null if there is none. */
    @Volatile
    var place: Position? = null
}

/** The broker of a single node: delivers in the publisher's coroutine, so a slow topic slows its publishers. */
internal class LocalBroker(private val deliver: suspend (Publication) -> Unit) : Broker {
    override suspend fun publish(publication: Publication) = deliver(publication)
}
