package dev.live.samples.syncpostgres

import dev.live.sync.SyncNotifier
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.runInterruptible
import kotlinx.coroutines.withContext
import org.postgresql.PGConnection
import org.slf4j.Logger
import org.slf4j.LoggerFactory
import java.sql.Connection
import java.sql.DriverManager
import java.sql.SQLException
import java.util.Properties
import java.util.concurrent.atomic.AtomicLong
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeMark
import kotlin.time.TimeSource

/**
 * Receives cursors from PostgreSQL notifications and passes them to a [SyncNotifier].
 *
 * ```
 * launch { PostgresNotifySource("jdbc:postgresql://db/app", notifier).run() }
 * ```
 *
 * The payload of a notification is the scope, a space and the cursor: `list/42 17`. The last space is the separator, so
 * a scope may contain spaces. PostgreSQL accepts less than 8000 bytes, and a scope and a cursor have at most 272. Other
 * payloads are skipped and counted in [skipped].
 *
 * PostgreSQL delivers a notification at most once, and loses it while the connection is down. So each connection
 * listens first and then reads all cursors with [currentCursors]. The read contains earlier commits, notifications
 * cover later ones, and the notifier drops duplicates.
 *
 * Requires a dedicated connection to the primary: transaction pooling, such as in PgBouncer, loses the `LISTEN`, and a
 * standby rejects it.
 *
 * @param url JDBC URL of the database. Its settings override [properties]
 * @param properties driver properties, such as user and password. Defaults: `tcpKeepAlive` is on; `loginTimeout`,
 *   `connectTimeout` and `socketTimeout` are 10 s
 * @param channel the channel to listen to, 1 to 63 bytes, case-sensitive
 * @param probe idle time after which a `SELECT 1` checks the connection, to detect a server that vanished without
 *   closing it. Finite, at least 1 s
 * @throws IllegalArgumentException if [channel] or [probe] is out of bounds
 */
class PostgresNotifySource(
    private val url: String,
    private val notifier: SyncNotifier,
    properties: Properties = Properties(),
    private val channel: String = "sync",
    private val probe: Duration = 30.seconds,
    private val currentCursors: CursorQuery = SyncScopesTable,
) {
    init {
        require(channel.encodeToByteArray().size in 1..MAX_CHANNEL_BYTES && '\u0000' !in channel) {
            "channel must be 1 to $MAX_CHANNEL_BYTES bytes without NUL, was '$channel'"
        }
        require(probe >= 1.seconds && probe.isFinite()) { "probe must be finite and at least 1 s, was $probe" }
    }

    private val properties: Properties =
        Properties().apply {
            DRIVER_DEFAULTS.forEach { (name, value) -> setProperty(name, value) }
            properties.stringPropertyNames().forEach { setProperty(it, properties.getProperty(it)) }
        }
    private val backoff = Backoff(first = 250.milliseconds, longest = LONGEST_WAIT)
    private val skips = AtomicLong()

    /** Number of notifications with an invalid payload. The first one is logged, without its payload. */
    val skipped: Long get() = skips.get()

    /**
     * Listens until cancelled. A cancellation takes effect within a second, and closes the connection. A failed
     * connection is logged and retried with exponential backoff, at most 30 s. Must not run more than once at a time.
     *
     * Occupies a thread of [Dispatchers.IO]. Rethrows exceptions of the notifier and the query, except [SQLException].
     */
    suspend fun run(): Nothing {
        var failures = 0
        while (true) {
            val start = TimeSource.Monotonic.markNow()
            val cause =
                try {
                    connectAndListen()
                } catch (e: SQLException) {
                    currentCoroutineContext().ensureActive() // a cancellation closes the connection, which fails too
                    e
                }
            // a connection that was short-lived counts as failed: otherwise a missing table, or a server that closes
            // each connection, would cause four attempts per second
            failures = if (start.elapsedNow() >= LONGEST_WAIT) 1 else failures + 1
            val wait = backoff.delayAfter(failures)
            log.warn("Lost the listener of channel {}; reconnecting in {}: {}", channel, wait, cause.message)
            delay(wait)
        }
    }

    private suspend fun connectAndListen(): Nothing {
        var opened: Connection? = null
        try {
            // with loginTimeout the driver connects on its own thread, so this one is interruptible
            runInterruptible(Dispatchers.IO) { opened = DriverManager.getConnection(url, properties) }
            val connection = opened ?: error("unreachable: the driver returned no connection")
            coroutineScope {
                // a blocking driver call ignores the cancellation, but fails when its socket is closed
                launch(Dispatchers.IO + CoroutineName("sync-postgres-closer"), CoroutineStart.UNDISPATCHED) {
                    try {
                        awaitCancellation()
                    } finally {
                        connection.end()
                    }
                }
                withContext(Dispatchers.IO + CoroutineName("sync-postgres")) { listen(connection) }
            }
        } finally {
            opened?.end() // if cancelled before the closer was started
        }
    }

    private suspend fun listen(connection: Connection): Nothing {
        val notifications = connection.unwrap(PGConnection::class.java)
        connection.execute("LISTEN ${notifications.escapeIdentifier(channel)}")
        currentCursors.read(connection, notifier)
        if (!connection.autoCommit) connection.autoCommit = true // a transaction delays notifications
        log.info("Listening to channel {}", channel)
        var lastReceived: TimeMark = TimeSource.Monotonic.markNow()
        while (true) {
            currentCoroutineContext().ensureActive()
            val received = notifications.getNotifications(POLL_MS)
            if (received.isNullOrEmpty()) {
                if (lastReceived.elapsedNow() < probe) continue
                connection.execute("SELECT 1")
            } else {
                received.forEach { handle(it.parameter) }
            }
            lastReceived = TimeSource.Monotonic.markNow()
        }
    }

    private fun handle(payload: String) {
        val space = payload.lastIndexOf(' ')
        val cursor = payload.substring(space + 1).toULongOrNull()
        if (space > 0 && cursor != null) return notifier.notify(payload.substring(0, space), cursor)
        if (skips.getAndIncrement() > 0) return
        log.warn(
            "Skipped a notification on channel {} with an invalid payload of {} characters",
            channel,
            payload.length,
        )
    }

    private fun Connection.execute(sql: String) {
        createStatement().use { it.execute(sql) }
    }

    /** Closes the socket, because [Connection.close] can wait for a running query. Thread-safe and idempotent. */
    private fun Connection.end() {
        try {
            abort { it.run() }
        } catch (e: SQLException) {
            log.debug("Could not close a connection: {}", e.message)
        }
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("samples.sync-postgres")
        val LONGEST_WAIT = 30.seconds
        const val MAX_CHANNEL_BYTES = 63

        /** Timeout of the wait for notifications, after which the loop checks for a cancellation. */
        const val POLL_MS = 500

        val DRIVER_DEFAULTS =
            mapOf(
                "ApplicationName" to "live-sync",
                "tcpKeepAlive" to "true",
                "connectTimeout" to "10",
                "loginTimeout" to "10",
                "socketTimeout" to "10",
            )
    }
}
