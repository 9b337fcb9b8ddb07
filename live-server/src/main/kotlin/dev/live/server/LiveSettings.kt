package dev.live.server

import dev.live.server.broker.Broker
import dev.live.server.dialect.DialectTable
import dev.live.server.frame.Compression
import dev.live.server.limits.LimitSettings
import dev.live.server.observe.LiveObserver
import dev.live.server.session.SessionSettings
import dev.live.server.transport.Transport
import kotlinx.coroutines.CoroutineDispatcher
import kotlin.time.Duration

/**
 * The validated, immutable settings of `install(Live) { }`.
 *
 * @property compression null if it is off. The server closes it when it ends
 */
internal class LiveSettings(
    val dialects: DialectTable,
    val compression: Compression?,
    val transport: Transport,
    /** The application's dispatcher of handlers; null if it has set none. */
    val handlers: CoroutineDispatcher?,
    val handlerThreads: Int,
    val session: SessionSettings,
    val limits: LimitSettings,
    val topicBuffer: Int,
    val topicLinger: Duration,
    val idleHistoryBytes: Long,
    val drainDelay: Duration,
    val drainTimeout: Duration,
    val observer: LiveObserver?,
    val broker: Broker?,
)
