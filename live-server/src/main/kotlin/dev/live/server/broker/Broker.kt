package dev.live.server.broker

import dev.live.protocol.Body
import dev.live.protocol.MessageType
import dev.live.protocol.Position

/**
 * Carries publications between nodes. Every publish goes through it even on a single node, so that message order does
 * not depend on the number of nodes.
 */
internal fun interface Broker {
    /** Sends [publication] to every node; suspends while their topics' buffers are full. */
    suspend fun publish(publication: Publication)
}

/**
 * A payload for the subscribers of [topic].
 *
 * @property except id of a session that does not receive it
 * @property key conflation key of a lossy topic
 * @property trace W3C trace context; empty if unknown
 * @property type the message type: [MessageType.MESSAGE] or one defined by the application
 * @property wantsPosition whether the publisher needs [position], which takes slightly longer
 */
internal class Publication(
    val topic: String,
    val body: Body?,
    val except: String? = null,
    val key: String? = null,
    val trace: String = "",
    val wantsPosition: Boolean = false,
    val type: String = MessageType.MESSAGE,
) {
    /** Its position in the topic's history on this node, set when published; null without a history. */
    @Volatile
    var position: Position? = null
}

/** The broker of a single node: delivers in the publisher's coroutine, so a slow topic slows its publishers. */
internal class LocalBroker(private val deliver: suspend (Publication) -> Unit) : Broker {
    override suspend fun publish(publication: Publication) = deliver(publication)
}
