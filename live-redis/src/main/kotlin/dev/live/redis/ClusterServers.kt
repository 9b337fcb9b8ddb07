package dev.live.redis

import io.lettuce.core.RedisClient
import io.lettuce.core.codec.ByteArrayCodec
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.async
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.future.await
import kotlinx.coroutines.launch
import kotlinx.coroutines.supervisorScope
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/**
 * The masters of a Redis Cluster. This node has its two connections to each of them, and asks them every
 * `probeInterval` for the owners of the slots; an answer MOVED changes one owner at once.
 */
internal class ClusterServers(
    private val settings: RedisSettings,
    private val keys: RedisKeys,
    private val events: ChannelEvents,
) : Servers() {
    private inner class Master(val server: HostPort) {
        val links = ServerLinks(settings, keys, server.toString(), events, ::changed)

        /** Runs [links]; null before. Only accessed by [run]. */
        var job: Job? = null

        /** When a redirection named it; null if none did. Guarded by the servers. */
        var namedAt: TimeSource.Monotonic.ValueTimeMark? = null

        fun wasNamed(): Boolean = namedAt?.let { it.elapsedNow() < GRACE } == true
    }

    /** Guarded by this object, like the next two. */
    private val masters = HashMap<HostPort, Master>()
    private val owners = arrayOfNulls<Master>(ClusterView.SLOTS)
    private var known: Set<HostPort> = settings.servers.servers.toSet()
    private val refresh = Channel<Unit>(Channel.CONFLATED)
    private val current = MutableStateFlow<List<ServerLinks>>(emptyList())
    private val ownerChanges = MutableStateFlow(0L)

    override val all: StateFlow<List<ServerLinks>> get() = current
    override val ownership: StateFlow<Long> get() = ownerChanges

    @Volatile
    override var formerReconnects: Long = 0
        private set

    @Volatile
    override var unknownSince: TimeSource.Monotonic.ValueTimeMark? = TimeSource.Monotonic.markNow()
        private set

    @Volatile
    override var failure: Throwable? = null
        private set

    private val failures = RateLimitedLog()

    override fun ofTopic(topic: String): ServerLinks? {
        val slot = keys.slot(topic)
        return synchronized(this) { owners[slot]?.links }
    }

    override fun redirect(topic: String, failure: Throwable): Redirect? {
        val redirection = redirection(failure) ?: return null
        var connection: Commands? = null
        synchronized(this) {
            when (redirection) {
                is Redirection.Moved -> if (redirection.slot in owners.indices) moved(redirection)
                is Redirection.Ask -> connection = named(redirection.server)?.links?.commands?.connection?.value
                Redirection.Later -> Unit
            }
        }
        if (redirection is Redirection.Moved) ownersChanged()
        refresh.trySend(Unit)
        return connection?.let { Redirect.Ask(it) } ?: Redirect.Again
    }

    private fun moved(to: Redirection.Moved) {
        val before = owners[to.slot]
        val host = to.server.host.ifEmpty { before?.server?.host.orEmpty() }
        owners[to.slot] = named(HostPort(host, to.server.port)) ?: return
    }

    private fun named(server: HostPort): Master? {
        if (server.host.isEmpty()) return null
        return masters.getOrPut(server) { Master(server) }.also { it.namedAt = TimeSource.Monotonic.markNow() }
    }

    override fun recheck() {
        refresh.trySend(Unit)
    }

    override suspend fun run(clients: RedisClients): Unit = clients.use { run(it, clients) }

    /** [client] asks servers without a link. */
    private suspend fun run(client: RedisClient, clients: RedisClients): Unit = coroutineScope {
        while (true) {
            try {
                use(read(client))
                unknownSince = null
                failure = null
            } catch (e: Throwable) {
                currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
                failure = e
                failures.warn { "The masters of the cluster are not known. ${describeFailure(settings.address, e)}" }
            }
            startAndStop(clients)
            withTimeoutOrNull(settings.probeInterval) { refresh.receive() }
            delay(MIN_PERIOD)
        }
    }

    /** The newest view of the masters that this node is connected to, or of any other node of the cluster. */
    private suspend fun read(client: RedisClient): ClusterView {
        val connected =
            synchronized(this) { masters.values.toList() }.mapNotNull { master ->
                master.links.commands.connection.value?.let { it to master.server }
            }
        val views = views(connected) { (connection, server) -> ClusterView.read(connection, server) }
        views.mapNotNull { it.getOrNull() }.maxByOrNull { it.epoch }?.let { return it }
        val candidates = synchronized(this) { known }.shuffled().take(MAX_CANDIDATES) + settings.servers.servers
        val others = views(candidates.distinct()) { read(client, it) }
        return others.mapNotNull { it.getOrNull() }.maxByOrNull { it.epoch }
            ?: throw others.firstNotNullOf { it.exceptionOrNull() }
    }

    private suspend fun <T> views(sources: List<T>, read: suspend (T) -> ClusterView): List<Result<ClusterView>> =
        supervisorScope {
            sources
                .map { source -> async { withTimeout(settings.probeTimeout * 2) { read(source) } } }
                .map { view ->
                    try {
                        Result.success(view.await())
                    } catch (e: Exception) {
                        currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
                        Result.failure(e)
                    }
                }
        }

    private suspend fun read(client: RedisClient, server: HostPort): ClusterView {
        val opening = client.connectAsync(ByteArrayCodec.INSTANCE, settings.uri(server))
        val connection = opening.awaitConnection(settings.probeTimeout)
        try {
            return ClusterView.read(connection, server)
        } finally {
            withContext(NonCancellable) { withTimeoutOrNull(settings.probeTimeout) { connection.closeAsync().await() } }
        }
    }

    private fun use(view: ClusterView) {
        var isChanged = false
        synchronized(this) {
            known = view.servers
            for (slot in owners.indices) {
                val server = view.owners[slot]
                if (server == owners[slot]?.server) continue
                isChanged = true
                owners[slot] = server?.let { masters.getOrPut(it) { Master(it) } }
            }
        }
        if (isChanged) ownersChanged()
    }

    private fun ownersChanged() {
        publishMasters()
        ownerChanges.update { it + 1 }
        changed()
    }

    private fun CoroutineScope.startAndStop(clients: RedisClients) {
        val started = ArrayList<Master>()
        val stopped = ArrayList<Master>()
        synchronized(this@ClusterServers) {
            val used = owners.filterNotNullTo(HashSet())
            stopped += masters.values.filter { it !in used && !it.wasNamed() }
            masters.values.removeAll(stopped.toSet())
            started += masters.values.filter { it.job == null }
        }
        for (master in stopped) {
            master.job?.cancel()
            formerReconnects += master.links.reconnects
        }
        for (master in started) {
            val uri = settings.uri(master.server)
            master.job = launch { master.links.run(clients, { uri }, { uri }) }
        }
        if (stopped.isNotEmpty()) {
            publishMasters()
            changed()
        }
    }

    private fun publishMasters() {
        synchronized(this) { current.value = masters.values.map { it.links } }
    }

    private companion object {
        /** Nodes to ask for the masters when none is connected. */
        const val MAX_CANDIDATES = 5

        /** How long a server without slots stays connected after a redirection: its first slot is moving there. */
        val GRACE = 10.seconds

        /** Between two questions for the masters. */
        val MIN_PERIOD = 50.milliseconds
    }
}
