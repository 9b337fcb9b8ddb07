package dev.live.redis

/**
 * The servers that the two connections of a node lead to. After a change of a DNS entry or of a virtual address, a new
 * connection may lead to another server than the existing one: messages would be published at one server, and the
 * channels subscribed to at the other. Thread-safe.
 */
internal class ServerPair(private val address: String) {
    /**
     * One of the connections of a node, across its replacements.
     *
     * @param replace replaces the connection in use, if there is one
     */
    class End(val replace: (RedisSetupException) -> Unit) {
        /** Identifies the process of Redis; null before the first connection. Guarded by the pair. */
        var runId: String? = null

        /** Number of the newest connection. Guarded by the pair. */
        var order = 0L
    }

    private val ends = ArrayList<End>()

    /** Number of connections so far. Guarded by this object. */
    private var connections = 0L

    /** Adds a connection; not thread-safe. */
    fun add(end: End): End = end.also { ends += it }

    /** [end] has a new connection, to the process [runId] of Redis. An existing one to another process is replaced. */
    fun connected(end: End, runId: String) {
        val outdated =
            synchronized(this) {
                end.runId = runId
                end.order = ++connections
                ends.filter { it.runId != null && it.runId != runId }
            }
        for (other in outdated) other.replace(failure())
    }

    /**
     * Checks a connection in use: both may have been set up at the same time.
     *
     * @throws RedisSetupException if another connection is newer, and leads to another process
     */
    fun check(end: End) {
        val isOutdated = synchronized(this) { ends.any { it.order > end.order && it.runId != end.runId } }
        if (isOutdated) throw failure()
    }

    private fun failure() =
        RedisSetupException(
            "Redis at $address was replaced by another server, or the address leads to several ones. The older " +
                "connection is replaced.",
        )
}
