package dev.live.server.broker

import dev.live.protocol.Body
import dev.live.protocol.Message
import dev.live.protocol.MessageType

/**
 * One message for the subscribers of a topic, on all nodes. With the empty topic name, an operation of live on the
 * sessions of other nodes. Immutable; a broker that connects nodes transmits every property except [history] and
 * [whileBrokerAway].
 *
 * @property topic name of the topic
 * @property body the payload, or null for none
 * @property type type of the message: [MessageType.MESSAGE], or a type that the application defines
 * @property except id of a session that does not receive it; null for none
 * @property key conflation key, for topics that keep the newest message of each key; null for none
 * @property trace W3C trace context of at most 64 bytes; empty for none
 * @property history bounds of the history that the broker stores it in; null if the topic keeps no history
 * @property whileBrokerAway how the broker of this node handles it while it is not connected; not transmitted
 * @throws IllegalArgumentException if a property exceeds the bounds of a [Message]; the message names it
 */
public class Publication(
    public val topic: String,
    public val body: Body?,
    public val type: String = MessageType.MESSAGE,
    public val except: String? = null,
    public val key: String? = null,
    public val trace: String = "",
    public val history: HistoryBounds? = null,
    public val whileBrokerAway: WhileBrokerAway = WhileBrokerAway.Fail,
) {
    /** The message for the subscribers, without an offset. Created first: an invalid one must not take a position. */
    internal val message: Message = Message(type, topic, body = body, trace = trace)

    /** Without the payload, so that it is safe to log. */
    override fun toString(): String = "Publication($topic, $type)"
}
