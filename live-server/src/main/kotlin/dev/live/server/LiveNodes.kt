package dev.live.server

import dev.live.protocol.Message

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
