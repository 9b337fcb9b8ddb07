package dev.live.server

import dev.live.protocol.Message
import dev.live.server.dialect.DialectTable
import dev.live.server.observe.ServerCounters
import dev.live.server.session.Session
import dev.live.server.session.SessionRegistry
import dev.live.server.topic.PreparedMessage

/** Operations on the sessions of this node. Every function may be called from any thread. */
internal class NodeSessions(
    private val registry: SessionRegistry,
    private val dialects: DialectTable,
    private val counters: ServerCounters,
) : SessionOperations {
    override fun send(user: String?, message: Message): Int =
        send(if (user == null) registry.all else registry.ofUser(user), message)

    override fun sendToSession(id: String, message: Message): Int = send(listOfNotNull(registry.find(id)), message)

    override fun kick(user: String, reason: String): Int = registry.ofUser(user).onEach { it.kick(reason) }.size

    /** Sends [message] to [sessions], without suspending. Returns how many accepted it. */
    fun send(sessions: Collection<Session<*>>, message: Message): Int {
        val prepared = PreparedMessage(message, dialects)
        val accepted = sessions.count { it.state.deliver(prepared) }
        counters.sent(accepted, message.body?.size ?: 0)
        return accepted
    }
}
