package dev.live.server

import dev.live.protocol.Message
import dev.live.server.broker.NodeStatus

/**
 * The nodes of the application, this one included, as of their last heartbeats about a second ago, sorted by id. A node
 * that has ended is missing after a few seconds. Empty without a broker that connects nodes.
 */
public val LiveServer.nodes: List<NodeStatus>
    get() = broker.nodeReports.map { (id, report) -> NodeStatus.of(id, report) }.sortedBy { it.id }

/** The status of this node, for the other nodes. */
internal fun LiveServer.nodeReport(): String {
    val stats = stats
    return NodeStatus(
        id = "",
        stats.sessions,
        stats.topics,
        isDraining = health == LiveHealth.Draining,
        stats.lag,
        stats.broker?.reconnects ?: 0,
        stats.broker?.dropped ?: 0,
        stats.gaps,
    ).toReport()
}

/**
 * Sends [message] to the session with this id, on this node or on another one, like [LiveServer.sendToSession]. If the
 * session is not on this node, suspends until the broker has accepted the message. Best effort: a node that is
 * disconnected from the broker does not receive it later.
 *
 * @return true if the session is on this node and accepted the message; false if the message was sent to the other
 *   nodes, or the session has not accepted it
 */
public suspend fun LiveServer.sendToSessionOnAllNodes(id: String, message: Message): Boolean {
    if (session(id) != null) return sendToSession(id, message)
    control.sendToSession(id, message)
    return false
}
