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

    test("a commit is told, also of a scope with spaces in its name") {
        val database = TestDatabase.on(postgres)
        listening(database) { told, _ ->
            database.write("list/42")
            database.write("list/of ann and bob")
            database.write("list/42")

            told.next() shouldBe ("list/42" to 1uL)
            told.next() shouldBe ("list/of ann and bob" to 1uL)
            told.next() shouldBe ("list/42" to 2uL)
        }
    }

    test("a statement that writes many changes tells each scope once, of the last") {
        val database = TestDatabase.on(postgres)
        listening(database) { told, _ ->
            database.run("INSERT INTO changes (scope, body) SELECT 'list/1', n FROM generate_series(1, 1000) AS n")
            database.write("list/2")

            told.next() shouldBe ("list/1" to 1000uL)
            told.next() shouldBe ("list/2" to 1uL)
        }
    }

    test("a transaction that is rolled back tells nothing, and leaves no hole in the sequence") {
        val database = TestDatabase.on(postgres)
        listening(database) { told, _ ->
            database.connect().use { connection ->
                connection.autoCommit = false
                connection.run("INSERT INTO changes (scope, body) VALUES ('list/1', 'never')")
                connection.rollback()
            }
            database.write("list/2")
            database.write("list/1")

            told.next() shouldBe ("list/2" to 1uL)
            told.next() shouldBe ("list/1" to 1uL)
        }
    }

    test("what is told can be read by then") {
        val database = TestDatabase.on(postgres)
        val changes = Changes(database.url)
        listening(database) { told, _ ->
            database.write("list/1")

            val (scope, cursor) = told.next()

            changes.after(scope, 0).cursor.toULong() shouldBe cursor
        }
    }

    test("what commits while the connection is lost is told when it is back, and what comes then as before") {
        val database = TestDatabase.on(postgres)
        listening(database) { told, _ ->
            database.connect().use { writer ->
                val listener = database.listeners().single()
                database.allowConnections(false)
                writer.run("SELECT pg_terminate_backend($listener, 60000)")
                writer.run("INSERT INTO changes (scope, body) VALUES ('list/1', 'x'), ('list/1', 'y')")
            }
            database.allowConnections(true)

            told.next(except = STAND) shouldBe ("list/1" to 2uL)
            database.write("list/1")
            told.next(except = STAND) shouldBe ("list/1" to 3uL)
        }
    }

    test("what commits between the read of the cursors and the first notification is told") {
        val database = TestDatabase.on(postgres)
        val told = ToldCursors()
        val lateCommit =
            CursorQuery { connection, notifier ->
                SyncScopesTable.read(connection, notifier)
                database.write("list/late")
            }
        running(PostgresNotifySource(database.url, told, currentCursors = lateCommit)) {
            told.next() shouldBe ("list/late" to 1uL)
        }
    }

    test("eight who write to one scope at the same time: its cursors are told in order, up to the last") {
        val database = TestDatabase.on(postgres)
        listening(database) { told, _ ->
            database.writeByEight("list/1", each = 25)

            List(200) { told.next() } shouldContainExactly
                List(200) { "list/1" to (it + 1).toULong() }
        }
    }

    test("notifications that are no scope and cursor are skipped, and the log shows nothing of them") {
        val database = TestDatabase.on(postgres)
        val log = LoggerFactory.getLogger("samples.sync-postgres") as Logger
        val lines = ListAppender<ILoggingEvent>().apply { start() }
        log.addAppender(lines)
        try {
            listening(database) { told, source ->
                for (payload in BAD_PAYLOADS) database.run("SELECT pg_notify('sync', '$payload')")
                database.write("list/1")

                told.next() shouldBe ("list/1" to 1uL)
                source.skipped shouldBe BAD_PAYLOADS.size
            }
        } finally {
            log.detachAppender(lines)
        }
        val text = lines.list.toList().joinToString("\n") { it.formattedMessage }
        text shouldContain "is no scope and cursor, and was skipped"
        text shouldNotContain "secret"
    }

    test("another channel's name is taken as it is, capitals and quotes included") {
        val database = TestDatabase.on(postgres)
        val told = ToldCursors()
        database.write(STAND)
        running(PostgresNotifySource(database.url, told, channel = """The "Sync" channel""")) {
            told.next().first shouldBe STAND
            database.run("""SELECT pg_notify('The "Sync" channel', 'list/1 18446744073709551615')""")

            told.next() shouldBe ("list/1" to ULong.MAX_VALUE)
        }
    }

    test("a cancellation ends it, and leaves no connection") {
        val database = TestDatabase.on(postgres)
        val told = ToldCursors()
        // held, because a connection that nobody holds the driver closes by itself at some time
        val made = CompletableDeferred<Connection>()
        val holding =
            CursorQuery { connection, notifier ->
                made.complete(connection)
                SyncScopesTable.read(connection, notifier)
            }
        database.write(STAND)

        running(PostgresNotifySource(database.url, told, currentCursors = holding)) {
            told.awaitListening(database)
            database.listeners().shouldNotBeEmpty()
        }

        made.await().isClosed shouldBe true
        database.awaitNoListener()
    }

    test("a cancellation ends it while a query of the user blocks") {
        val database = TestDatabase.on(postgres)
        val begun = CompletableDeferred<Unit>()
        val endless =
            CursorQuery { connection, _ ->
                begun.complete(Unit)
                connection.run("SELECT pg_sleep($LONG_S)")
            }
        val unbounded = Properties().apply { setProperty("socketTimeout", "0") }
        running(PostgresNotifySource(database.url, ToldCursors(), unbounded, currentCursors = endless)) {
            begun.await()
        }

        database.connect().use { it.run("SELECT pg_terminate_backend(${database.listeners().single()}, 60000)") }
    }

    test("a cancellation ends it while a server does not answer") {
        val patient = Properties().apply { for (name in TIMEOUTS) setProperty(name, "$LONG_S") }
        withContext(Dispatchers.IO) {
            ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { silent ->
                val url = "jdbc:postgresql://127.0.0.1:${silent.localPort}/none?user=postgres"
                running(PostgresNotifySource(url, ToldCursors(), patient)) { silent.accept() }
            }
        }
    }

    test("a server that has gone without a word is noticed, and the next connection tells what was missed") {
        val database = TestDatabase.on(postgres)
        val told = ToldCursors()
        database.write(STAND)
        StallingProxy(postgres.port).use { proxy ->
            val impatient = Properties().apply { setProperty("socketTimeout", "1") }
            val url = database.url.replace(":${postgres.port}/", ":${proxy.port}/")
            running(PostgresNotifySource(url, told, impatient, probe = 1.seconds)) {
                told.awaitListening(database)
                proxy.stallThoseThatStand()
                database.write("list/1")

                told.next(except = STAND) shouldBe ("list/1" to 1uL)
            }
        }
    }

    test("what the notifier throws ends it, and the owner sees it") {
        val database = TestDatabase.on(postgres)
        database.write("list/1")
        val broken = SyncNotifier { _, _ -> error("a notifier must not throw") }

        shouldThrow<IllegalStateException> {
            withTimeout(1.minutes) { PostgresNotifySource(database.url, broken).run() }
        }.message shouldBe "a notifier must not throw"
        database.awaitNoListener()
    }

    test("a table that is missing is looked for again") {
        val database = TestDatabase.on(postgres)
        val told = ToldCursors()
        val tries = AtomicInteger()
        val impatient =
            CursorQuery { connection, notifier ->
                if (tries.incrementAndGet() == 2) database.run("ALTER TABLE hidden RENAME TO sync_scopes")
                SyncScopesTable.read(connection, notifier)
            }
        database.write("list/1")
        database.run("ALTER TABLE sync_scopes RENAME TO hidden")
        running(PostgresNotifySource(database.url, told, currentCursors = impatient)) {
            told.next() shouldBe ("list/1" to 1uL)
        }
        tries.get() shouldBe 2
    }

    test("a probe that would be a hot loop, or none, is refused") {
        for (probe in listOf(0.seconds, 999.milliseconds, Duration.INFINITE)) {
            shouldThrow<IllegalArgumentException> {
                PostgresNotifySource("jdbc:postgresql://localhost/", ToldCursors(), probe = probe)
            }.message shouldContain "probe must be finite and at least 1 s, was $probe"
        }
    }

    test("a channel that PostgreSQL would cut short is refused") {
        shouldThrow<IllegalArgumentException> {
            PostgresNotifySource("jdbc:postgresql://localhost/", ToldCursors(), channel = "ä".repeat(32))
        }.message shouldContain "channel must be 1 to 63 bytes"
    }
})

/** Longer than a cancellation is waited for, and yet has an end, or a test that fails would hang. */
private const val LONG_S = 120
private const val STAND = "stand"
private val BAD_PAYLOADS = listOf("secret -1", "secret", "secret 7 ", "secret 18446744073709551616", "", " ", "7", " 7")
private val TIMEOUTS = listOf("loginTimeout", "connectTimeout", "socketTimeout")

/** Runs [test] when a source listens and has read the cursors, and shows by its end that it can be cancelled. */
private suspend fun listening(database: TestDatabase, test: suspend (ToldCursors, PostgresNotifySource) -> Unit) {
    val told = ToldCursors()
    database.write(STAND)
    val source = PostgresNotifySource(database.url, told)
    running(source) {
        told.awaitListening(database)
        test(told, source)
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

private suspend fun ToldCursors.next(except: String): Pair<String, ULong> {
    while (true) next().let { if (it.first != except) return it }
}

/** What is written when the read of the cursors has told [STAND] can only be heard, and it is when the read is over. */
private suspend fun ToldCursors.awaitListening(database: TestDatabase) {
    next() shouldBe (STAND to 1uL)
    database.write(STAND)
    next() shouldBe (STAND to 2uL)
}
