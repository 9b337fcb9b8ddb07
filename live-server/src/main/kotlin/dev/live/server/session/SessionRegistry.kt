package dev.live.server.session

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger

/** The open sessions of this node, by id and by user. Every function may be called from any thread. */
internal class SessionRegistry {
    private val byId = ConcurrentHashMap<String, Session<*>>()
    private val byUser = ConcurrentHashMap<String, MutableSet<Session<*>>>()

    val all: Collection<Session<*>> get() = byId.values

    // Kotlin's toList() and toSet() read the size first and then the first element, which may be removed by then
    fun snapshot(): List<Session<*>> = ArrayList(byId.values)

    val size: Int get() = byId.size

    /** Connections that count toward the limit: sessions, and upgrades in progress. */
    val connections = AtomicInteger()

    private val transports = ConcurrentHashMap<String, AtomicInteger>()

    /** Number of open sessions by transport; transports without sessions have no entry. */
    val byTransport: Map<String, Int> get() = transports.mapValues { it.value.get() }.filterValues { it > 0 }

    fun find(id: String): Session<*>? = byId[id]

    fun ofUser(user: String): Set<Session<*>> = byUser[user]?.let { HashSet(it) }.orEmpty()

    /** Adds [session]; returns false if its user already has [perUser] sessions. */
    fun add(session: Session<*>, perUser: Int): Boolean {
        val user = session.user
        if (user != null) {
            val mine = byUser.compute(user) { _, sessions ->
                val all = sessions ?: ConcurrentHashMap.newKeySet()
                if (all.size < perUser) all += session
                all.ifEmpty { null }
            }
            if (mine == null || session !in mine) return false
        }
        byId[session.id] = session
        transports.getOrPut(session.transport) { AtomicInteger() }.incrementAndGet()
        return true
    }

    fun remove(session: Session<*>) {
        if (byId.remove(session.id) != null) transports[session.transport]?.decrementAndGet()
        session.user?.let { user ->
            byUser.computeIfPresent(user) { _, sessions -> sessions.apply { remove(session) }.ifEmpty { null } }
        }
    }
}
