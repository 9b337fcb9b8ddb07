package dev.live.samples.syncpostgres

import ch.qos.logback.classic.Logger
import ch.qos.logback.classic.spi.ILoggingEvent
import ch.qos.logback.core.read.ListAppender
import dev.live.sync.SyncNotifier
import io.kotest.assertions.throwables.shouldThrow
import io.kotest.core.spec.style.FunSpec
import io.kotest.matchers.collections.shouldContainExactly
import io.kotest.matchers.collections.shouldNotBeEmpty
import io.kotest.matchers.shouldBe
import io.kotest.matchers.string.shouldContain
import io.kotest.matchers.string.shouldNotContain
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.slf4j.LoggerFactory
import java.net.InetAddress
import java.net.ServerSocket
import java.sql.Connection
import java.util.Properties
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

class PostgresNotifySourceTest : FunSpec({

    val postgres by lazy {
        TestPostgres()
    }.also { server -> afterSpec { if (server.isInitialized()) server.value.close() } }

    test("a commit is notified, also for a scope with spaces") {
        val database = TestDatabase.on(postgres)
        listening(database) { notified, _ ->
            database.write("list/42")
            database.write("list/of ann and bob")
            database.write("list/42")

            notified.next() shouldBe ("list/42" to 1uL)
            notified.next() shouldBe ("list/of ann and bob" to 1uL)
            notified.next() shouldBe ("list/42" to 2uL)
        }
    }

    test("a statement with many changes notifies each scope once, with the last cursor") {
        val database = TestDatabase.on(postgres)
        listening(database) { notified, _ ->
            database.run("INSERT INTO changes (scope, body) SELECT 'list/1', n FROM generate_series(1, 1000) AS n")
            database.write("list/2")

            notified.next() shouldBe ("list/1" to 1000uL)
            notified.next() shouldBe ("list/2" to 1uL)
        }
    }

    test("a rollback notifies nothing and leaves no gap in the sequence") {
        val database = TestDatabase.on(postgres)
        listening(database) { notified, _ ->
            database.connect().use { connection ->
                connection.autoCommit = false
                connection.run("INSERT INTO changes (scope, body) VALUES ('list/1', 'never')")
                connection.rollback()
            }
            database.write("list/2")
            database.write("list/1")

            notified.next() shouldBe ("list/2" to 1uL)
            notified.next() shouldBe ("list/1" to 1uL)
        }
    }

    test("a notified cursor can be read") {
        val database = TestDatabase.on(postgres)
        val changes = Changes(database.url)
        listening(database) { notified, _ ->
            database.write("list/1")

            val (scope, cursor) = notified.next()

            changes.after(scope, 0).cursor.toULong() shouldBe cursor
        }
    }

    test("commits during a lost connection are notified after the reconnect, and later ones as usual") {
        val database = TestDatabase.on(postgres)
        listening(database) { notified, _ ->
            database.connect().use { writer ->
                val listener = database.listeners().single()
                database.allowConnections(false)
                writer.run("SELECT pg_terminate_backend($listener, 60000)")
                writer.run("INSERT INTO changes (scope, body) VALUES ('list/1', 'x'), ('list/1', 'y')")
            }
            database.allowConnections(true)

            notified.next(except = MARKER) shouldBe ("list/1" to 2uL)
            database.write("list/1")
            notified.next(except = MARKER) shouldBe ("list/1" to 3uL)
        }
    }

    test("a commit between the read of the cursors and the first notification is notified") {
        val database = TestDatabase.on(postgres)
        val notified = NotifiedCursors()
        val lateCommit =
            CursorQuery { connection, notifier ->
                SyncScopesTable.read(connection, notifier)
                database.write("list/late")
            }
        running(PostgresNotifySource(database.url, notified, currentCursors = lateCommit)) {
            notified.next() shouldBe ("list/late" to 1uL)
        }
    }

    test("with eight concurrent writers the cursors of a scope are notified in order, up to the last") {
        val database = TestDatabase.on(postgres)
        listening(database) { notified, _ ->
            database.writeByEight("list/1", each = 25)

            List(200) { notified.next() } shouldContainExactly
                List(200) { "list/1" to (it + 1).toULong() }
        }
    }

    test("invalid payloads are skipped, and their content is not logged") {
        val database = TestDatabase.on(postgres)
        val log = LoggerFactory.getLogger("samples.sync-postgres") as Logger
        val lines = ListAppender<ILoggingEvent>().apply { start() }
        log.addAppender(lines)
        try {
            listening(database) { notified, source ->
                for (payload in BAD_PAYLOADS) database.run("SELECT pg_notify('sync', '$payload')")
                database.write("list/1")

                notified.next() shouldBe ("list/1" to 1uL)
                source.skipped shouldBe BAD_PAYLOADS.size
            }
        } finally {
            log.detachAppender(lines)
        }
        val text = lines.list.toList().joinToString("\n") { it.formattedMessage }
        text shouldContain "Skipped a notification on channel sync with an invalid payload"
        text shouldNotContain "secret"
    }

    test("a channel name keeps its capitals and quotes") {
        val database = TestDatabase.on(postgres)
        val notified = NotifiedCursors()
        database.write(MARKER)
        running(PostgresNotifySource(database.url, notified, channel = """The "Sync" channel""")) {
            notified.next().first shouldBe MARKER
            database.run("""SELECT pg_notify('The "Sync" channel', 'list/1 18446744073709551615')""")

            notified.next() shouldBe ("list/1" to ULong.MAX_VALUE)
        }
    }

    test("a cancellation stops it and closes the connection") {
        val database = TestDatabase.on(postgres)
        val notified = NotifiedCursors()
        // referenced here, because the driver closes an unreferenced connection at some time
        val opened = CompletableDeferred<Connection>()
        val holding =
            CursorQuery { connection, notifier ->
                opened.complete(connection)
                SyncScopesTable.read(connection, notifier)
            }
        database.write(MARKER)

        running(PostgresNotifySource(database.url, notified, currentCursors = holding)) {
            notified.awaitListening(database)
            database.listeners().shouldNotBeEmpty()
        }

        opened.await().isClosed shouldBe true
        database.awaitNoListener()
    }

    test("a cancellation stops it during a blocking query") {
        val database = TestDatabase.on(postgres)
        val begun = CompletableDeferred<Unit>()
        val endless =
            CursorQuery { connection, _ ->
                begun.complete(Unit)
                connection.run("SELECT pg_sleep($LONG_S)")
            }
        val unbounded = Properties().apply { setProperty("socketTimeout", "0") }
        running(PostgresNotifySource(database.url, NotifiedCursors(), unbounded, currentCursors = endless)) {
            begun.await()
        }

        // the query may outlive its connection
        for (pid in database.listeners()) database.connect().use { it.run("SELECT pg_terminate_backend($pid, 60000)") }
    }

    test("a cancellation stops it while the server does not respond") {
        val longTimeouts = Properties().apply { for (name in TIMEOUTS) setProperty(name, "$LONG_S") }
        withContext(Dispatchers.IO) {
            ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { silent ->
                val url = "jdbc:postgresql://127.0.0.1:${silent.localPort}/none?user=postgres"
                running(PostgresNotifySource(url, NotifiedCursors(), longTimeouts)) { silent.accept() }
            }
        }
    }

    test("a stalled server is detected, and the next connection notifies missed cursors") {
        val database = TestDatabase.on(postgres)
        val notified = NotifiedCursors()
        database.write(MARKER)
        StallingProxy(postgres.port).use { proxy ->
            val shortTimeout = Properties().apply { setProperty("socketTimeout", "1") }
            val url = database.url.replace(":${postgres.port}/", ":${proxy.port}/")
            running(PostgresNotifySource(url, notified, shortTimeout, probe = 1.seconds)) {
                notified.awaitListening(database)
                proxy.stallConnections()
                database.write("list/1")

                notified.next(except = MARKER) shouldBe ("list/1" to 1uL)
            }
        }
    }

    test("an exception of the notifier is rethrown") {
        val database = TestDatabase.on(postgres)
        database.write("list/1")
        val broken = SyncNotifier { _, _ -> error("a notifier must not throw") }

        shouldThrow<IllegalStateException> {
            withTimeout(1.minutes) { PostgresNotifySource(database.url, broken).run() }
        }.message shouldBe "a notifier must not throw"
        database.awaitNoListener()
    }

    test("a missing table is retried") {
        val database = TestDatabase.on(postgres)
        val notified = NotifiedCursors()
        val tries = AtomicInteger()
        val restoringQuery =
            CursorQuery { connection, notifier ->
                if (tries.incrementAndGet() == 2) database.run("ALTER TABLE hidden RENAME TO sync_scopes")
                SyncScopesTable.read(connection, notifier)
            }
        database.write("list/1")
        database.run("ALTER TABLE sync_scopes RENAME TO hidden")
        running(PostgresNotifySource(database.url, notified, currentCursors = restoringQuery)) {
            notified.next() shouldBe ("list/1" to 1uL)
        }
        tries.get() shouldBe 2
    }

    test("a probe interval out of bounds is rejected") {
        for (probe in listOf(0.seconds, 999.milliseconds, Duration.INFINITE)) {
            shouldThrow<IllegalArgumentException> {
                PostgresNotifySource("jdbc:postgresql://localhost/", NotifiedCursors(), probe = probe)
            }.message shouldContain "probe must be finite and at least 1 s, was $probe"
        }
    }

    test("a channel name that PostgreSQL would truncate is rejected") {
        shouldThrow<IllegalArgumentException> {
            PostgresNotifySource("jdbc:postgresql://localhost/", NotifiedCursors(), channel = "ä".repeat(32))
        }.message shouldContain "channel must be 1 to 63 bytes"
    }
})

/** Longer than the timeout of a cancellation, but finite, so that a failed test does not hang. */
private const val LONG_S = 120
private const val MARKER = "marker"
private val BAD_PAYLOADS = listOf("secret -1", "secret", "secret 7 ", "secret 18446744073709551616", "", " ", "7", " 7")
private val TIMEOUTS = listOf("loginTimeout", "connectTimeout", "socketTimeout")

/** Runs [test] after a source listens and has read the cursors. Afterwards checks that it can be cancelled. */
private suspend fun listening(database: TestDatabase, test: suspend (NotifiedCursors, PostgresNotifySource) -> Unit) {
    val notified = NotifiedCursors()
    database.write(MARKER)
    val source = PostgresNotifySource(database.url, notified)
    running(source) {
        notified.awaitListening(database)
        test(notified, source)
    }
}

private suspend fun running(source: PostgresNotifySource, test: suspend CoroutineScope.() -> Unit) {
    coroutineScope {
        val run = launch(Dispatchers.Default) { source.run() }
        try {
            test()
        } finally {
            withTimeout(1.minutes) { run.cancelAndJoin() }
        }
    }
}

private suspend fun NotifiedCursors.next(except: String): Pair<String, ULong> {
    while (true) next().let { if (it.first != except) return it }
}

/** Waits until the source listens: a write after the read of [MARKER] arrives only as a notification. */
private suspend fun NotifiedCursors.awaitListening(database: TestDatabase) {
    next() shouldBe (MARKER to 1uL)
    database.write(MARKER)
    next() shouldBe (MARKER to 2uL)
}
