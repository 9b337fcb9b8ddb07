package dev.live.redis

import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlin.time.TimeSource

/** One server for all topics, whose address never changes. */
internal class SingleServer(
    private val settings: RedisSettings,
    keys: RedisKeys,
    events: ChannelEvents,
) : Servers() {
    private val links = ServerLinks(settings, keys, settings.address, events, ::changed)

    override val all: StateFlow<List<ServerLinks>> = MutableStateFlow(listOf(links))
    override val ownership: StateFlow<Long> = MutableStateFlow(0L)
    override val formerReconnects: Long get() = 0
    override val unknownSince: TimeSource.Monotonic.ValueTimeMark? get() = null
    override val failure: Throwable? get() = null

    override fun ofTopic(topic: String): ServerLinks = links

    override fun redirect(topic: String, failure: Throwable): Redirect? = null

    override fun recheck(): Unit = Unit

    override suspend fun run(clients: RedisClients): Unit = links.run(clients, { settings.uri }, { settings.uri })
}
