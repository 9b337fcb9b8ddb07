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
 * Hears of cursors that a PostgreSQL tells with `NOTIFY`, and hands them to a [SyncNotifier].
 *
 * ```
 * launch { PostgresNotifySource("jdbc:postgresql://db/app", notifier).run() }
 * ```
 *
 * The payload of a notification is the scope, a space and the cursor: `list/42 17`. The last space separates, so a
 * scope may have spaces. PostgreSQL takes less than 8000 bytes, and a scope and a cursor are at most 272. Anything else
 * is skipped and counted in [skipped].
 *
 * A notification is delivered at most once: what is told while the connection is down is lost. So each connection, the
 * first too, listens first and then reads where all scopes stand with [currentCursors]. What commits before the read is
 * in it, what commits after the `LISTEN` is notified, and what is told twice the notifier drops.
 *
 * It needs a connection of its own, straight to the primary: a pooler that gives connections to transactions, such as
 * PgBouncer, loses the `LISTEN`, and a standby refuses it.
 *
 * @param url of the database, for JDBC. What it sets wins over [properties]
 * @param properties for the driver, such as user and password. Where they do not say otherwise, `tcpKeepAlive` is on,
 *   a connection has 10 s to be made, and an answer 10 s to come: `loginTimeout`, `connectTimeout`, `socketTimeout`
 * @param channel what is listened to, 1 to 63 bytes; upper case counts
 * @param probe after this long without a notification the connection is tried with a `SELECT 1`, which finds a server
 *   that is gone without a word. At least 1 s and finite
 * @throws IllegalArgumentException if [channel] or [probe] is out of its bounds
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

    /** Notifications that were no scope and cursor. The first is logged, without its payload. */
    val skipped: Long get() = skips.get()

    /**
     * Listens until it is cancelled, which ends it within a second and its connection with it. Connections that fail
     * are logged and made again, after a growing, random wait of at most 30 s. Not twice at the same time.
     *
     * It holds a thread of [Dispatchers.IO]. Fails only with what the notifier or the query throw that is no
     * [SQLException].
     */
    suspend fun run(): Nothing {
        var failures = 0
        while (true) {
            val start = TimeSource.Monotonic.markNow()
            val cause =
                try {
                    connectAndListen()
                } catch (e: SQLException) {
                    currentCoroutineContext().ensureActive() // the connection fails too when a cancellation closes it
                    e
                }
            // one that is lost soon after it was made counts as one that failed: otherwise a table that is missing, or
            // a server that ends each connection, would be asked four times a second
            failures = if (start.elapsedNow() >= LONGEST_WAIT) 1 else failures + 1
            val wait = backoff.delayAfter(failures)
            log.warn("Nobody listens to channel {} for the next {}: {}", channel, wait, cause.message)
            delay(wait)
        }
    }

    private suspend fun connectAndListen(): Nothing {
        var made: Connection? = null
        try {
            // with a loginTimeout the driver connects on a thread of its own, and so this one can be interrupted
            runInterruptible(Dispatchers.IO) { made = DriverManager.getConnection(url, properties) }
            val connection = made ?: error("unreachable: the driver returned no connection")
            coroutineScope {
                // what blocks in the driver hears nothing of a cancellation, but it hears when its socket is closed
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
            made?.end() // where a cancellation came before there was the closer
        }
    }

    private suspend fun listen(connection: Connection): Nothing {
        val notifications = connection.unwrap(PGConnection::class.java)
        connection.execute("LISTEN ${notifications.escapeIdentifier(channel)}")
        currentCursors.read(connection, notifier)
        if (!connection.autoCommit) connection.autoCommit = true // in a transaction nothing is notified
        log.info("Listening to channel {}", channel)
        var heard: TimeMark = TimeSource.Monotonic.markNow()
        while (true) {
            currentCoroutineContext().ensureActive()
            val some = notifications.getNotifications(POLL_MS)
            if (some.isNullOrEmpty()) {
                if (heard.elapsedNow() < probe) continue
                connection.execute("SELECT 1")
            } else {
                some.forEach { tell(it.parameter) }
            }
            heard = TimeSource.Monotonic.markNow()
        }
    }

    private fun tell(payload: String) {
        val space = payload.lastIndexOf(' ')
        val cursor = payload.substring(space + 1).toULongOrNull()
        if (space > 0 && cursor != null) return notifier.notify(payload.substring(0, space), cursor)
        if (skips.getAndIncrement() > 0) return
        log.warn(
            "A notification on channel {} is no scope and cursor, and was skipped: {} characters",
            channel,
            payload.length,
        )
    }

    private fun Connection.execute(sql: String) {
        createStatement().use { it.execute(sql) }
    }

    /** Closes the socket; [Connection.close] may wait for what uses the connection. Any thread, any number of times. */
    private fun Connection.end() {
        try {
            abort { it.run() }
        } catch (e: SQLException) {
            log.debug("A connection could not be closed: {}", e.message)
        }
    }

    private companion object {
        val log: Logger = LoggerFactory.getLogger("samples.sync-postgres")
        val LONGEST_WAIT = 30.seconds
        const val MAX_CHANNEL_BYTES = 63

        /** How long the driver waits for a notification before it is looked whether this is cancelled. */
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
