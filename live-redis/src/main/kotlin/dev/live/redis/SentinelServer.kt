package dev.live.redis

import io.lettuce.core.RedisClient
import io.lettuce.core.RedisCommandExecutionException
import io.lettuce.core.RedisURI
import io.lettuce.core.codec.StringCodec
import io.lettuce.core.sentinel.api.StatefulRedisSentinelConnection
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.async
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.future.await
import kotlinx.coroutines.launch
import kotlinx.coroutines.supervisorScope
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.TimeSource

/**
 * The master that sentinels name. They are asked every `probeInterval`: an old master that they have replaced may still
 * answer, and would lose everything that is published to it.
 */
internal class SentinelServer(
    private val settings: RedisSettings,
    keys: RedisKeys,
    events: ChannelEvents,
) : Servers() {
    /** The master as one sentinel sees it; a failover increases [epoch]. */
    private class View(val master: HostPort, val epoch: Long)

    private val name = settings.servers.masterName.orEmpty()
    private val links = ServerLinks(settings, keys, "$name (sentinels ${settings.address})", events, ::changed)
    private val master = MutableStateFlow<HostPort?>(null)
    private val failures = RateLimitedLog()

    /** The servers that the connections lead to, or were opened to last. */
    @Volatile
    private var commandTarget: HostPort? = null

    @Volatile
    private var channelTarget: HostPort? = null

    override val all: StateFlow<List<ServerLinks>> = MutableStateFlow(listOf(links))
    override val ownership: StateFlow<Long> = MutableStateFlow(0L)
    override val formerReconnects: Long get() = 0

    @Volatile
    override var unknownSince: TimeSource.Monotonic.ValueTimeMark? = TimeSource.Monotonic.markNow()
        private set

    /** Also set while the master is known: it is used until the sentinels name another one. */
    @Volatile
    override var failure: Throwable? = null
        private set

    private val refresh = Channel<Unit>(Channel.CONFLATED)

    override fun ofTopic(topic: String): ServerLinks = links

    override fun redirect(topic: String, failure: Throwable): Redirect? = null

    override fun recheck() {
        refresh.trySend(Unit)
    }

    override suspend fun run(clients: RedisClients): Unit = coroutineScope {
        launch { clients.use(::watch) }
        links.run(clients, { awaitMaster { commandTarget = it } }, { awaitMaster { channelTarget = it } })
    }

    private suspend fun awaitMaster(target: (HostPort) -> Unit): RedisURI {
        val server = master.value ?: failure?.let { throw it } ?: master.filterNotNull().first()
        target(server)
        return settings.uri(server)
    }

    private suspend fun watch(client: RedisClient) {
        val sentinels = settings.servers.servers.map { Sentinel(client, it) }
        try {
            while (true) {
                try {
                    use(newest(sentinels))
                } catch (e: Throwable) {
                    currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
                    failure = e
                    failures.warn { "The sentinels do not name a master. ${describeFailure(settings.address, e)}" }
                }
                withTimeoutOrNull(settings.probeInterval) { refresh.receive() }
            }
        } finally {
            withContext(NonCancellable) {
                withTimeoutOrNull(settings.probeTimeout) { sentinels.forEach { it.close() } }
            }
        }
    }

    private fun use(view: View) {
        failure = null
        unknownSince = null
        master.value = view.master
        // also one that was opened at the same time as the master was replaced
        val former = listOfNotNull(commandTarget, channelTarget).firstOrNull { it != view.master } ?: return
        links.replace(RedisSetupException("The sentinels have replaced the master $former by ${view.master}."))
    }

    private suspend fun newest(sentinels: List<Sentinel>): View {
        val views =
            supervisorScope {
                sentinels
                    .map { async { it.ask() } }
                    .map { view ->
                        try {
                            Result.success(view.await())
                        } catch (e: Exception) {
                            currentCoroutineContext().ensureActive() // rethrows only a cancellation of this coroutine
                            Result.failure(e)
                        }
                    }
            }
        return views.mapNotNull { it.getOrNull() }.maxByOrNull { it.epoch }
            ?: throw views.firstNotNullOf { it.exceptionOrNull() }
    }

    private inner class Sentinel(private val client: RedisClient, private val server: HostPort) {
        /** Null before the first use, and after a failure. */
        private var connection: StatefulRedisSentinelConnection<String, String>? = null

        suspend fun ask(): View {
            try {
                return withTimeout(settings.probeTimeout) { view(open().async().master(name).await()) }
            } catch (e: Throwable) {
                withContext(NonCancellable) { withTimeoutOrNull(settings.probeTimeout) { close() } }
                if (e is RedisCommandExecutionException && "No such master" in e.message.orEmpty()) {
                    throw RedisSetupException(
                        "The sentinel at $server has no master with the name '$name'. Check the name after '#' in " +
                            "the URL.",
                    )
                }
                throw e
            }
        }

        private suspend fun open(): StatefulRedisSentinelConnection<String, String> {
            connection?.let { if (it.isOpen) return it }
            val opening = client.connectSentinelAsync(StringCodec.UTF8, settings.sentinelUri(server))
            return opening.awaitConnection(settings.probeTimeout).also { connection = it }
        }

        private fun view(fields: Map<String, String>): View {
            val port = fields["port"]?.toIntOrNull() ?: error("a sentinel named a master without a port")
            return View(HostPort(fields["ip"].orEmpty(), port), fields["config-epoch"]?.toLongOrNull() ?: 0)
        }

        suspend fun close() {
            connection?.closeAsync()?.await()
            connection = null
        }
    }
}
